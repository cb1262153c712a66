import type { TrafficRequest } from '../../app/traffic/change.ts'
import { usageErrors } from '../usage.ts'

/** Flags of `modelwatch traffic`, as they come from the command line. */
export interface TrafficFlags {
  readonly toRevisions?: string
  readonly toTags?: string
  readonly toLatest?: boolean
  readonly setTag?: readonly string[]
  readonly removeTag?: readonly string[]
  /** True when left out, false for --no-shadow. */
  readonly shadow?: string | boolean
}

/** @returns undefined when nothing is to be changed. @throws MW_USAGE for a flag that cannot be understood. */
export function readTrafficFlags(flags: TrafficFlags): TrafficRequest | undefined {
  const { toRevisions, toTags, toLatest, setTag = [], removeTag = [], shadow } = flags
  const split = toLatest === true ? ({ kind: 'latest' } as const) : readSplit(toRevisions, toTags)
  const copies = typeof shadow === 'string' ? readShadow(shadow) : shadow === false ? 'none' : undefined
  if (split === undefined && setTag.length === 0 && removeTag.length === 0 && copies === undefined) return undefined
  return {
    split,
    setTags: setTag.map((text) => {
      const [tag, revision] = cut(text)
      if (tag === '' || revision === undefined || revision === '') throw usageErrors.MW_USAGE(`--set-tag: ${text} is not TAG=REVISION`)
      return { tag, revision }
    }),
    removeTags: removeTag,
    shadow: copies,
  }
}

function readSplit(toRevisions: string | undefined, toTags: string | undefined): TrafficRequest['split'] {
  if (toRevisions !== undefined) {
    const shares = readShares('--to-revisions', toRevisions).map(([revision, percent]) => ({ revision, percent }))
    return { kind: 'revisions', shares }
  }
  if (toTags === undefined) return undefined
  return { kind: 'tags', shares: readShares('--to-tags', toTags).map(([tag, percent]) => ({ tag, percent })) }
}

function readShares(flag: string, text: string): [string, number][] {
  return text.split(',').map((part) => {
    const [name, percent] = cut(part.trim())
    if (name === '' || percent === undefined || !/^\d{1,3}%?$/.test(percent))
      throw usageErrors.MW_USAGE(`${flag}: ${part === '' ? 'an empty part' : part} is not NAME=PERCENT, such as v2=10`)
    return [name, Number.parseInt(percent, 10)]
  })
}

function readShadow(text: string): TrafficRequest['shadow'] {
  const [revision, ratio] = cut(text)
  if (revision === '' || (ratio !== undefined && !/^(?:0?\.\d+|[01](?:\.0*)?)$/.test(ratio)))
    throw usageErrors.MW_USAGE(`--shadow: ${text} is not REVISION or REVISION=RATIO, such as v2=0.1`)
  return { revision, ratio: ratio === undefined ? 1 : Number(ratio) }
}

/** What stands before the last equals sign, and after it. */
function cut(text: string): [string, string | undefined] {
  const at = text.lastIndexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
