import type { Clock } from '../../../../core/time.ts'
import type { Registry } from '../../../../instrument/index.ts'
import type { TasksConfig } from './config.ts'

export { toTaskText } from './task-json.ts'

export interface TaskRouteDeps {
  readonly clock: Clock
  readonly registry: Registry
  readonly config: TasksConfig
  /** Most rows of one task. */
  readonly rowsMax: number
  /** Most bytes of one body, the parts of a form together. */
  readonly bodyBytesMax: number
  /** How long final tasks are kept: an id that is older than this and not stored names what is gone. */
  readonly resultsMs: number
  /** Why a webhook may not go to a URL, as far as it can be told without asking anybody; undefined: it may. */
  webhookFault(url: string): string | undefined
}
