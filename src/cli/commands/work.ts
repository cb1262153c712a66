import { type Command, InvalidArgumentError } from 'commander'
import { letHeapGrow } from '../heap.ts'
import { runRole } from '../role.ts'

interface WorkFlags {
  readonly models?: readonly string[]
  readonly threadsMin?: number
  readonly threadsMax?: number
  readonly listen?: string
}

export function addWorkCommand(program: Command): void {
  program
    .command('work')
    .summary('run a worker: takes tasks from the queue, predicts, delivers webhooks')
    .description(
      'Works through the tasks of every model of DIR, or of those named. Any number of workers may run, on one machine or, with Redis, on many. ' +
        'A worker that is asked to stop finishes what it has in hand, and gives the rest back.',
    )
    .argument('[dir]', 'folder with a modelwatch.yaml', '.')
    .option('--models <names>', 'models to work for, separated by commas; all where left out', toNames)
    .option('--threads-min <count>', 'fewest threads for each model, in place of work.threads_min', toCount)
    .option('--threads-max <count>', 'most threads for each model, in place of work.threads_max', toCount)
    .option('--listen <host:port>', 'address of /metrics and /health, in place of work.listen')
    .action(async (dir: string, flags: WorkFlags) => {
      letHeapGrow()
      await runRole('worker', async ({ log }) => {
        const [{ readModelwatchConfig }, { startWorker }] = await Promise.all([import('../../app/config.ts'), import('../../app/work.ts')])
        const { value } = await readModelwatchConfig(dir)
        const work = {
          ...value.work,
          ...(flags.listen === undefined ? {} : { listen: flags.listen }),
          ...(flags.threadsMin === undefined ? {} : { threads_min: flags.threadsMin }),
          ...(flags.threadsMax === undefined ? {} : { threads_max: flags.threadsMax }),
        }
        return startWorker({ ...value, work }, dir, { log, models: flags.models })
      })
    })
}

function toNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new InvalidArgumentError('Write names separated by commas, such as weather,wine.')
  return [...new Set(names)]
}

const THREADS_MAX = 1024

function toCount(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > THREADS_MAX) throw new InvalidArgumentError(`It must be a whole number from 1 to ${THREADS_MAX}.`)
  return count
}
