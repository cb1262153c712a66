import { type Command, Option } from 'commander'
import type { ModelTraffic } from '../../app/traffic/contract.ts'
import type { TrafficProject } from '../../app/traffic/project.ts'
import type { Progress } from '../../app/traffic/takeover.ts'
import { parseDurationMs } from '../../core/time.ts'
import { StatusLine } from '../output.ts'
import { usageErrors } from '../usage.ts'
import { readTrafficFlags, type TrafficFlags } from './traffic-flags.ts'
import { toDeployedJson, toRevisionsJson, toTrafficJson } from './traffic-json.ts'
import {
  describeChange,
  describeDeployment,
  describeRevisions,
  describeRollback,
  describeTakeover,
  describeTraffic,
} from './traffic-text.ts'

interface CommonOptions {
  readonly dir: string
  readonly json?: boolean
}

interface WaitOptions extends CommonOptions {
  readonly wait: boolean
  readonly timeout: string
}

interface DeployOptions extends WaitOptions {
  readonly name?: string
  readonly traffic: boolean
  readonly tag?: string
}

/** Revisions shown unless --all asks for more; for each, its model file is read. */
const SHOWN_MAX = 20
const collect = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value]
const dirOption = () => new Option('-C, --dir <dir>', 'folder with a modelwatch.yaml').default('.')
const jsonOption = () => new Option('--json', 'for programs: the result as JSON')
const waitOptions = (command: Command) =>
  command
    .option('--no-wait', 'do not wait until gateways and workers have taken it over')
    .option('--timeout <duration>', 'longest wait for them', '2m')

/** `deploy`, `traffic`, `revisions` and `rollback`: they work on what the gateways share, so that none need run, and any number may. */
export function addTrafficCommands(program: Command): void {
  addDeploy(program)
  addTraffic(program)
  addRevisions(program)
  addRollback(program)
}

function addDeploy(program: Command): void {
  const command = program
    .command('deploy')
    .summary('put a new revision of a model into service')
    .description(
      'Reads, loads and proves the model in SOURCE (its digest, the versions it depends on, its golden rows), copies it to the revisions of MODEL and makes it ' +
        'the latest. Where the traffic follows the latest, it moves; an explicit split stays as it is. Gateways load it beside what serves, and requests ' +
        'under way end where they began. What fails to load or to prove itself here leaves everything as it was; a process that cannot load it serves on what it served, ' +
        'and is named.',
    )
    .argument('<model>', 'name of the model, as in its model.yaml')
    .argument('<source>', 'folder with the model file, and reference.json, golden.json and revision.yaml as you have them')
    .addOption(dirOption())
    .option('--name <revision>', 'name of the revision; the date and a letter when left out')
    .option('--no-traffic', 'send it no traffic; who serves now goes on, and later revisions get none either')
    .option('--tag <tag>', 'a tag by which clients can ask for it')
  waitOptions(command)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  modelwatch deploy weather out/model\n  modelwatch deploy weather out/model --no-traffic --tag candidate',
    )
    .action((model: string, source: string, options: DeployOptions) =>
      inProject(options, async (project, status) => {
        readTimeoutMs(options)
        const { deployRevision } = await import('../../app/traffic/deploy.ts')
        const { name, traffic, tag } = options
        const onStep = (text: string) => status?.update(`  ${text} …`)
        const deployed = await deployRevision(project, { model, source, name, traffic, tag, onStep })
        status?.print(describeDeployment(deployed, tag).join('\n'))
        await conclude(project, deployed.after, options, status, (done) => toDeployedJson(deployed, done))
      }),
    )
}

function addTraffic(program: Command): void {
  const splits = ['toRevisions', 'toTags', 'toLatest'] as const
  const exclusive = (option: Option, own: (typeof splits)[number]) => option.conflicts(splits.filter((one) => one !== own))
  const command = program
    .command('traffic')
    .summary('show or change how requests are shared between the revisions of a model')
    .description(
      'Without options, shows the split. A split by name is explicit: revisions that are deployed later get no traffic until --to-latest. All that one ' +
        'command asks for is changed at once.',
    )
    .argument('<model>', 'name of the model')
    .addOption(dirOption())
    .addOption(exclusive(new Option('--to-revisions <shares>', 'whole percents that add up to 100, such as A=90,B=10'), 'toRevisions'))
    .addOption(
      exclusive(
        new Option('--to-tags <shares>', 'percents for tagged revisions, such as candidate=10; the rest stays in proportion'),
        'toTags',
      ),
    )
    .addOption(exclusive(new Option('--to-latest', 'all traffic to the latest revision, and to those that come after it'), 'toLatest'))
    .option('--set-tag <tag=revision>', 'let clients ask for a revision by a tag; may be repeated', collect)
    .option('--remove-tag <tag>', 'take a tag away; may be repeated', collect)
    .addOption(new Option('--shadow <revision[=ratio]>', 'copy requests to a revision that answers nobody; all of them, or that share'))
    .addOption(new Option('--no-shadow', 'copy no requests any more'))
  waitOptions(command)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  modelwatch traffic weather\n  modelwatch traffic weather --to-revisions v1=90,v2=10\n  modelwatch traffic weather --to-tags candidate=25\n  modelwatch traffic weather --to-latest\n  modelwatch traffic weather --set-tag candidate=v2 --shadow v2=0.1',
    )
    .action((model: string, options: WaitOptions & TrafficFlags) =>
      inProject(options, async (project, status) => {
        readTimeoutMs(options)
        const request = readTrafficFlags(options)
        const { readTraffic } = await import('../../app/traffic/view.ts')
        if (request !== undefined) {
          const { changeTraffic } = await import('../../app/traffic/change.ts')
          const { before, after } = await changeTraffic(project, model, request)
          status?.print(describeChange(before, after).join('\n'))
          return conclude(project, after, options, status, async () => toTrafficJson(await readTraffic(project, model)))
        }
        const view = await readTraffic(project, model)
        if (options.json === true) printJson(toTrafficJson(view))
        else status?.print(describeTraffic(view).join('\n'))
      }),
    )
}

function addRevisions(program: Command): void {
  program
    .command('revisions')
    .summary('list the revisions of a model')
    .description(
      'Lists the revisions of a model, the latest first and the others by name: their share of the traffic, tags, age, and which processes serve them or could not.',
    )
    .argument('<model>', 'name of the model')
    .addOption(dirOption())
    .option('--all', `all of them, not only those that take part and the newest ${SHOWN_MAX}`)
    .addOption(jsonOption())
    .action((model: string, options: CommonOptions & { readonly all?: boolean }) =>
      inProject(options, async (project, status) => {
        const { readRevisionFolder, readTraffic } = await import('../../app/traffic/view.ts')
        const view = await readTraffic(project, model)
        const shown = view.revisions.filter(
          ({ percent, tags, shadow, latest, ready, failed }, i) =>
            options.all === true ||
            i < SHOWN_MAX ||
            percent > 0 ||
            tags.length > 0 ||
            shadow !== undefined ||
            latest ||
            ready.length + failed.length > 0,
        )
        const rows = []
        for (const revision of shown) rows.push({ ...revision, folder: await readRevisionFolder(project, model, revision.name) })
        if (options.json === true) printJson(toRevisionsJson(model, rows))
        else status?.print(describeRevisions(model, rows, view.revisions.length - rows.length).join('\n'))
      }),
    )
}

function addRollback(program: Command): void {
  const command = program
    .command('rollback')
    .summary('go back to the split before')
    .description(
      'Sends the traffic of MODEL where it went before the last change of its split; what "latest" stood for then is meant. A second rollback goes further ' +
        'back, and never to what was rolled back from.',
    )
    .argument('<model>', 'name of the model')
    .addOption(dirOption())
  waitOptions(command)
    .addOption(jsonOption())
    .action((model: string, options: WaitOptions) =>
      inProject(options, async (project, status) => {
        readTimeoutMs(options)
        const { rollBackTraffic } = await import('../../app/traffic/change.ts')
        const { before, after } = await rollBackTraffic(project, model)
        status?.print(describeRollback(after, before!.split).join('\n'))
        const { readTraffic } = await import('../../app/traffic/view.ts')
        await conclude(project, after, options, status, async () => toTrafficJson(await readTraffic(project, model)))
      }),
    )
}

/** @param act - `status` is undefined where only JSON may be written. */
async function inProject(
  options: CommonOptions,
  act: (project: TrafficProject, status: StatusLine | undefined) => Promise<void>,
): Promise<void> {
  const { openTrafficProject } = await import('../../app/traffic/project.ts')
  const status = options.json === true ? undefined : new StatusLine()
  const project = await openTrafficProject(options.dir)
  try {
    await act(project, status)
  } finally {
    status?.end()
    await project.close()
  }
}

/** Waits, and then writes the JSON of what was done: also where a process could not take it over or was slow, for the change stands. */
async function conclude(
  project: TrafficProject,
  traffic: ModelTraffic,
  options: WaitOptions,
  status: StatusLine | undefined,
  toJson: (done: readonly string[] | undefined) => unknown,
): Promise<void> {
  let done: readonly string[] | undefined
  try {
    done = await waitFor(project, traffic, options, status)
  } finally {
    if (options.json === true) printJson(await toJson(done))
  }
}

/** @returns the processes that have taken the change over; undefined when nobody waits for them. */
async function waitFor(
  project: TrafficProject,
  traffic: ModelTraffic,
  options: WaitOptions,
  status: StatusLine | undefined,
): Promise<readonly string[] | undefined> {
  if (!options.wait) return undefined
  const { awaitTakeover } = await import('../../app/traffic/takeover.ts')
  const onProgress = ({ done, pending }: Progress) =>
    status?.update(`  ${done.length} of ${done.length + pending.length} processes have taken it over; waiting for ${pending.join(', ')}`)
  const done = await awaitTakeover(project.store, traffic, { timeoutMs: readTimeoutMs(options), onProgress })
  status?.print(describeTakeover(done))
  return done
}

/** @throws MW_USAGE. */
function readTimeoutMs({ timeout }: WaitOptions): number {
  const timeoutMs = parseDurationMs(timeout)
  if (timeoutMs === undefined) throw usageErrors.MW_USAGE(`--timeout: ${timeout} is no duration such as 30s or 2m`)
  return timeoutMs
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
