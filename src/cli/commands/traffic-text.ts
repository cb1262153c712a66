import { type ModelTraffic, printShares, type Share, type Split, sharesOf } from '../../app/traffic/contract.ts'
import type { Deployed } from '../../app/traffic/deploy.ts'
import type { RevisionFolder, RevisionTraffic, TrafficView } from '../../app/traffic/view.ts'
import { bold, dim, progressBar } from '../output.ts'

/** A model's traffic as a table with bars; of its revisions, those that take part. */
export function describeTraffic(view: TrafficView): string[] {
  const { model, follows, latest, sinceMs, generation, forward } = view
  const parts = view.revisions.filter(
    ({ percent, tags, shadow, latest }) => percent > 0 || tags.length > 0 || shadow !== undefined || latest,
  )
  if (latest === undefined) return [`${model} has no revision yet; deploy one: modelwatch deploy ${model} DIR`]
  const since = sinceMs === undefined ? 'as its newest folder, for it was never deployed by command' : `since ${timeText(sinceMs)}`
  const head = follows
    ? `${bold(model)} follows the latest revision, ${since}`
    : `${bold(model)} does not follow the latest revision, ${since}; "modelwatch traffic ${model} --to-latest" makes it follow again`
  const width = Math.max(...parts.map(({ name }) => name.length))
  const lines = parts.map((part) => {
    const notes = [...(part.latest ? ['latest'] : []), ...part.tags.map((tag) => `tag ${tag}`), ...shadowNote(part), ...reportNotes(part)]
    return `  ${part.name.padEnd(width)}  ${progressBar(part.percent / 100)}  ${dim(notes.join(', '))}`.trimEnd()
  })
  const back =
    forward === undefined
      ? []
      : [`  rolled back from ${shareText(sharesOf(forward))}; forward again: ${forwardCommand(model, forward, latest)}`]
  return [head, '', ...lines, '', ...back, dim(`  generation ${generation}`)]
}

const shadowNote = ({ shadow }: RevisionTraffic) => (shadow === undefined ? [] : [`shadow of ${percentText(shadow)} of the requests`])

function reportNotes({ ready, loading, failed }: RevisionTraffic): string[] {
  return [
    ...(ready.length > 0 ? [`served by ${processes(ready.length)}`] : []),
    ...(loading.length > 0 ? [`${processes(loading.length)} loading it`] : []),
    ...(failed.length > 0 ? [`${processes(failed.length)} cannot serve it`] : []),
  ]
}

/** What a change has made of the traffic, and what it means for later revisions. */
export function describeChange(before: ModelTraffic | undefined, after: ModelTraffic): string[] {
  const { model, split, latest, shadow } = after
  const follows = split.shares === 'latest'
  const followed = before === undefined || before.split.shares === 'latest'
  const serves = `${model}: ${shareText(sharesOf(split))}.`
  const lines = [follows ? `${serves} It follows the latest revision, ${latest}.` : serves]
  if (!follows)
    lines.push(
      `It ${followed ? 'no longer follows' : 'does not follow'} the latest revision; "modelwatch traffic ${model} --to-latest" makes it follow again.`,
    )
  for (const tag of tagsOf(before, after)) {
    const revision = after.tags[tag]
    lines.push(revision === undefined ? `The tag ${tag} is gone.` : `The tag ${tag} names ${revision}.`)
  }
  if (shadow === undefined && before?.shadow !== undefined) lines.push(`The shadow ${before.shadow.revision} gets no copies any more.`)
  if (shadow !== undefined && (shadow.revision !== before?.shadow?.revision || shadow.ratio !== before.shadow.ratio))
    lines.push(`${shadow.revision} gets a copy of ${percentText(shadow.ratio)} of the requests, and answers nobody.`)
  return lines
}

/** Tags that are other than before. */
function tagsOf(before: ModelTraffic | undefined, after: ModelTraffic): string[] {
  const names = new Set([...Object.keys(before?.tags ?? {}), ...Object.keys(after.tags)])
  return [...names].filter((tag) => before?.tags[tag] !== after.tags[tag]).sort()
}

/** What a rollback did, and the way forward again. @param from - The split it came from. */
export function describeRollback(after: ModelTraffic, from: Split): string[] {
  const { model, latest } = after
  return [
    `${model} is back at ${shareText(sharesOf(after.split))}, from ${shareText(sharesOf(from))}.`,
    `It does not follow the latest revision now, so nothing that is deployed gets traffic by itself. Forward again: ${forwardCommand(model, from, latest)}`,
    `A further rollback goes further back, never to what was rolled back from.`,
  ]
}

function forwardCommand(model: string, split: Split, latest: string): string {
  const follows = split.shares === 'latest' && split.latest === latest
  return `modelwatch traffic ${model} ${follows ? '--to-latest' : `--to-revisions ${printShares(sharesOf(split))}`}`
}

/** What a deployment did, and who gets its traffic. */
export function describeDeployment(
  { revision, digest, goldenRows, watched, wasThere, after }: Deployed,
  tag: string | undefined,
): string[] {
  const { model, split } = after
  const proof =
    goldenRows === 0
      ? 'It has no golden.json, so all it has proven is that it loads'
      : `It answered its ${count(goldenRows, 'golden row')} as it must`
  const lines = [
    `${model}: deployed the revision ${bold(revision)}${wasThere ? ', whose folder was there already' : ''} (${shortDigest(digest)}). ${proof}${watched ? '.' : '; without a reference.json its drift is not watched.'}`,
  ]
  const serving = sharesOf(split)
  if (split.shares === 'latest') lines.push('All traffic goes to it, and to those that follow it.')
  else {
    const own = serving.find((share) => share.revision === revision)
    const what = own === undefined ? 'It gets no traffic' : `It gets ${own.percent} % of the traffic`
    lines.push(
      `${what}: ${shareText(serving)}. The split does not follow the latest revision; "modelwatch traffic ${model} --to-latest" makes it follow again.`,
    )
  }
  if (tag !== undefined) lines.push(`It can be asked for by its tag ${tag}, whatever the split is.`)
  return lines
}

/** Who has taken a change over. */
export function describeTakeover(done: readonly string[]): string {
  if (done.length === 0) return 'No gateway or worker runs that would report: it holds for those that start.'
  return `${done.length === 1 ? `${done[0]} has` : `${processes(done.length)} have`} taken it over.`
}

/** A revision with what its folder says. */
export interface RevisionRow extends RevisionTraffic {
  readonly folder: RevisionFolder | undefined
}

/** A table of revisions, newest first, then what is wrong with any. @param left - Older ones that are not shown. */
export function describeRevisions(model: string, rows: readonly RevisionRow[], left: number): string[] {
  if (rows.length === 0) return [`${model} has no revision yet; deploy one: modelwatch deploy ${model} DIR`]
  const head = ['revision', 'traffic', 'deployed', 'trained', 'digest', 'served by', '']
  const cells = rows.map(({ name, percent, folder, ready, latest, tags, shadow, loading, failed }) => [
    name,
    `${percent} %`,
    folder === undefined ? '–' : timeText(folder.deployedMs),
    folder?.trainedAt ?? '–',
    folder?.digest === undefined ? '–' : shortDigest(folder.digest),
    ready.length === 0 ? '–' : processes(ready.length),
    [
      ...(latest ? ['latest'] : []),
      ...tags.map((tag) => `tag ${tag}`),
      ...(shadow === undefined ? [] : [`shadow ${percentText(shadow)}`]),
      ...(loading.length > 0 ? [`loading in ${processes(loading.length)}`] : []),
      ...(failed.length > 0 ? [`failed in ${processes(failed.length)}`] : []),
    ].join(', '),
  ])
  const widths = head.map((title, c) => Math.max(title.length, ...cells.map((row) => row[c]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => (c === 1 ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd()
  const faults = rows.flatMap(({ name, folder, failed, percent }) => [
    ...(folder?.fault === undefined ? [] : [`${name} cannot be served: ${folder.fault}`]),
    ...(folder === undefined && percent > 0 ? [`${name} has no folder here`] : []),
    ...failed.map(({ process, reason }) => `${process} cannot serve ${name}: ${reason}`),
  ])
  const more = left > 0 ? ['', dim(`${left} older; --all shows them`)] : []
  return [bold(line(head)), ...cells.map(line), ...more, ...(faults.length > 0 ? ['', ...faults] : [])]
}

/** `A 90 %, B 10 %`. */
export function shareText(shares: readonly Share[]): string {
  return shares.map(({ revision, percent }) => `${revision} ${percent} %`).join(', ')
}

/** A ratio as percent, with as many digits as it needs. */
const percentText = (ratio: number) => `${Number((ratio * 100).toPrecision(6))} %`
const shortDigest = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12)
const processes = (n: number) => (n === 1 ? '1 process' : `${n} processes`)
const count = (n: number, noun: string) => (n === 1 ? `one ${noun}` : `${n} ${noun}s`)
const timeText = (timeMs: number) => `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
