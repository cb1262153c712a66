import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import type { FolderQueue, TaskQueue, TaskState } from '../../app/queue.ts'
import { describeQueues, describeTask, describeTasks, toJsonQueue, toJsonTask } from '../queue-text.ts'
import { usageErrors } from '../usage.ts'

const LIMIT_MAX = 10_000
const states = ['waiting', 'active', 'delayed', 'done', 'dead', 'cancelled'] as const satisfies readonly TaskState[]
type Purgeable = Exclude<TaskState, 'active'>

interface ListOptions {
  readonly dir: string
  readonly model?: string
  readonly state?: readonly TaskState[]
  readonly limit: string
  readonly after?: string
  readonly json?: boolean
}

export function addQueueCommand(program: Command): void {
  const group = program
    .command('queue')
    .summary('look into the queue of tasks; try dead ones again; delete')
    .description(
      'Looks into the queue that DIR/modelwatch.yaml names, a file or Redis. Gateways and workers may run meanwhile, and see what is changed here.',
    )
  const dir = () => new Option('-C, --dir <dir>', 'folder with a modelwatch.yaml').default('.')
  const state = (choices: readonly string[], what: string) => new Option('--state <state...>', what).choices(choices)
  const model = () => new Option('--model <name>', 'only tasks of this model')

  group
    .command('ls')
    .summary('counts, and the newest tasks')
    .description('Counts of every model’s tasks, and the newest tasks.')
    .argument('[dir]', 'folder with a modelwatch.yaml')
    .addOption(dir())
    .addOption(model())
    .addOption(state(states, 'only tasks in these states'))
    .option('--limit <number>', 'most tasks listed', '20')
    .option('--after <id>', 'tasks older than this one: the next page')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Examples:
  modelwatch queue ls examples/weather
  modelwatch queue ls --state dead delayed --model weather
  modelwatch queue ls --json | jq '.tasks[].id'`,
    )
    .action((folder: string | undefined, options: ListOptions) => withQueue(folder ?? options.dir, (opened) => list(opened, options)))

  group
    .command('show')
    .summary('one task: its cause, its input, its result')
    .description(
      'All that is known of a task. Long inputs and results are shortened unless --full is given. Exit code 1 when it is not there.',
    )
    .argument('<id>', 'id of the task')
    .addOption(dir())
    .option('--full', 'inputs and results whole')
    .option('--json', 'for programs; always whole')
    .addHelpText('after', '\nExample:\n  modelwatch queue show 01939f2e-8a3c-7b11-9d2e-3f5a6b7c8d9e')
    .action((id: string, options: { dir: string; full?: boolean; json?: boolean }) =>
      withQueue(options.dir, ({ queue }) => show(queue, id, options)),
    )

  group
    .command('retry')
    .summary('give dead tasks all their attempts again')
    .description('Puts dead tasks back into the queue with all their attempts, and without their deadline.')
    .argument('[ids...]', 'ids of dead tasks')
    .addOption(dir())
    .option('--dead', 'all dead tasks')
    .addOption(new Option('--model <name>', 'with --dead: only those of this model'))
    .addHelpText(
      'after',
      '\nExamples:\n  modelwatch queue retry 01939f2e-8a3c-7b11-9d2e-3f5a6b7c8d9e\n  modelwatch queue retry --dead --model weather',
    )
    .action(async (ids: readonly string[], options: { dir: string; dead?: boolean; model?: string }) => {
      if (ids.length > 0 === (options.dead === true)) throw usageErrors.MW_USAGE('retry takes the ids of tasks, or --dead for all of them')
      if (options.model !== undefined && options.dead !== true) throw usageErrors.MW_USAGE('--model goes with --dead')
      await withQueue(options.dir, ({ queue }) => retry(queue, ids, options.model))
    })

  group
    .command('purge')
    .summary('delete tasks')
    .description('Deletes tasks for good, with inputs and results. Active ones stay; cancel them first. Asks, unless --yes is given.')
    .addOption(dir())
    .addOption(model())
    .addOption(
      state(
        states.filter((name) => name !== 'active'),
        'states to delete',
      ).makeOptionMandatory(),
    )
    .option('-y, --yes', 'without asking')
    .addHelpText(
      'after',
      '\nExamples:\n  modelwatch queue purge --state dead\n  modelwatch queue purge --state waiting delayed --model weather --yes',
    )
    .action((options: { dir: string; model?: string; state: readonly Purgeable[]; yes?: boolean }) =>
      withQueue(options.dir, (opened) => purge(opened, options)),
    )
  for (const command of group.commands) command.exitOverride()
}

async function withQueue(dir: string, use: (opened: FolderQueue) => Promise<void>): Promise<void> {
  const { openFolderQueue } = await import('../../app/queue.ts')
  const opened = await openFolderQueue(dir)
  try {
    await use(opened)
  } finally {
    await opened.queue.close()
  }
}

async function list({ queue, place }: FolderQueue, options: ListOptions): Promise<void> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX)
    throw usageErrors.MW_USAGE(`--limit: ${options.limit} is not a whole number from 0 to ${LIMIT_MAX}`)
  const stats = (await queue.stats()).filter((entry) => options.model === undefined || entry.queue === options.model)
  const tasks = limit === 0 ? [] : await queue.list({ queue: options.model, states: options.state, limit, after: options.after })
  if (options.json === true)
    print(JSON.stringify({ queues: stats.map(toJsonQueue), tasks: tasks.map((task) => toJsonTask(task)) }, null, 2))
  else print([...describeQueues(place, stats, Date.now()), ...describeTasks(tasks, Date.now(), limit)].join('\n'))
}

async function show(queue: TaskQueue, id: string, { full, json }: { full?: boolean; json?: boolean }): Promise<void> {
  const task = await queue.getWithPayload(id)
  if (task === undefined) {
    const { queueErrors } = await import('../../app/queue.ts')
    throw queueErrors.MW_QUEUE_TASK_UNKNOWN(`there is no task ${id}`)
  }
  print(
    json === true ? JSON.stringify(toJsonTask(task), null, 2) : describeTask(task, { isFull: full === true, nowMs: Date.now() }).join('\n'),
  )
}

async function retry(queue: TaskQueue, ids: readonly string[], model: string | undefined): Promise<void> {
  const count = await queue.retry(ids.length > 0 ? ids : { queue: model })
  print(`${plural(count, 'task')} will be tried again`)
  const missed = ids.length - count
  if (missed > 0) {
    print(`${plural(missed, 'task')} of those named ${missed === 1 ? 'is' : 'are'} not dead`)
    process.exitCode = 1
  }
}

async function purge(
  { queue, place }: FolderQueue,
  { model, state, yes }: { model?: string; state: readonly Purgeable[]; yes?: boolean },
): Promise<void> {
  const what = `tasks that are ${state.join(' or ')}${model === undefined ? ' of all models' : ` of ${model}`}`
  if (yes !== true && !(await isConfirmed(`Delete all ${what} from ${place}?`))) {
    print('nothing was deleted')
    return
  }
  print(`deleted ${plural(await queue.purge({ queue: model, states: state }), 'task')}`)
}

async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw usageErrors.MW_USAGE('purge asks before it deletes, and here is no terminal to ask at: give --yes')
  return askYesNo(question, process.stdin, process.stdout)
}

/** Asks at a terminal. Whatever is not yes is no: Ctrl-C, Ctrl-D and a terminal that goes away too. */
export async function askYesNo(question: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<boolean> {
  const terminal = createInterface({ input, output })
  const left = Promise.withResolvers<string>()
  terminal.once('close', () => left.resolve('\n'))
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `).catch(() => '\n'), left.promise])
    if (answer === '\n') output.write(answer) // Nobody pressed return.
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
