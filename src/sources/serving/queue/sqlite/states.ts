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

/** Waiting tasks as the two indices over them have it, and no other words: the many, and the suspects, whose worker died with them in hand. */
export const IS_WAITING = `state = ${WAITING} AND deaths = 0`
export const IS_WAITING_SUSPECT = `state = ${WAITING} AND deaths > 0`
