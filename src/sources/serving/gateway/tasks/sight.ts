import type { Task } from '../../queue/contract.ts'
import { toTaskText } from './task-json.ts'

/**
 * A task as it was seen at one moment. Its texts are made once for all who want them, and in bytes, which sockets do not copy: a result may be large, and a
 * thousand clients may wait for it.
 */
export class Sight {
  readonly task: Task
  #answer: Buffer | undefined
  #event: Buffer | undefined

  constructor(task: Task) {
    this.task = task
  }

  /** The task as JSON text in UTF-8. */
  get answer(): Buffer {
    this.#answer ??= Buffer.from(toTaskText(this.task))
    return this.#answer
  }

  /** The task as a server-sent event. JSON text has no line breaks of its own. */
  get event(): Buffer {
    this.#event ??= Buffer.concat([Buffer.from(`event: state\nid: ${sightId(this.task)}\ndata: `), this.answer, Buffer.from('\n\n')])
    return this.#event
  }
}

/** Names the state that a task is seen in: the id of its event. */
export const sightId = ({ state, attempts, deaths }: Task): string => `${state}-${attempts}-${deaths}`
