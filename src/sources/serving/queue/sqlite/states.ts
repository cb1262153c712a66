import type { TaskState } from '../contract.ts'

/** Numbers of the states in the file; the indices are made for them. */
export const WAITING = 0
export const ACTIVE = 1
export const DELAYED = 2
export const DONE = 3
export const DEAD = 4
export const CANCELLED = 5

export const stateNames = ['waiting', 'active', 'delayed', 'done', 'dead', 'cancelled'] as const satisfies readonly TaskState[]
export type StateNumber = 0 | 1 | 2 | 3 | 4 | 5

export const stateNumberOf = (state: TaskState): StateNumber => stateNames.indexOf(state) as StateNumber
