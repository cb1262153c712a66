import type { Share, Split } from './contract.ts'
import { trafficErrors } from './errors.ts'

/** Who answers under a split: what 'latest' stood for is written out. */
export function sharesOf(split: Split): readonly Share[] {
  return split.shares === 'latest' ? [{ revision: split.latest, percent: 100 }] : split.shares
}

/**
 * The revision at a position of the shares, laid out one after the other in their order. Where that order stays (`inOrderOf` keeps it), a share that
 * grows takes its positions from its neighbours: of two revisions exactly as many keys move as percent change hands, of n at most n − 1 times as many.
 * @param position - In [0, 100): of a key, see `positionOf`, or random.
 */
export function chooseRevision(shares: readonly Share[], position: number): string {
  let upTo = 0
  for (const { revision, percent } of shares) {
    upTo += percent
    if (position < upTo) return revision
  }
  return shares.at(-1)!.revision
}

/**
 * Where a key stands, in [0, 100): the same for the same key on every machine, and uniform over keys. Put the model's name in front of it,
 * lest the same clients are the first to try every new revision of every model.
 * FNV-1a over UTF-16 units, mixed by MurmurHash3's 32-bit finalizer, for FNV alone leaves the high bits of short texts alike.
 */
export function positionOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    hash = Math.imul(hash ^ (code & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (code >>> 8), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * 100
}

/**
 * Checks shares that somebody asks for; those of 0 are left out.
 * @param sum - What they must add up to: exactly 100, or at most 100 where others share the rest.
 * @throws MW_TRAFFIC_SPLIT_INVALID
 */
export function checkShares(shares: readonly Share[], sum: 'all' | 'part'): readonly Share[] {
  const seen = new Set<string>()
  let total = 0
  for (const { revision, percent } of shares) {
    if (!Number.isInteger(percent) || percent < 0 || percent > 100)
      throw trafficErrors.MW_TRAFFIC_SPLIT_INVALID(`${revision}=${percent} is no whole number from 0 to 100`)
    if (seen.has(revision)) throw trafficErrors.MW_TRAFFIC_SPLIT_INVALID(`${revision} is named twice`)
    seen.add(revision)
    total += percent
  }
  if (total > 100 || (sum === 'all' && total !== 100))
    throw trafficErrors.MW_TRAFFIC_SPLIT_INVALID(`${printShares(shares)} is ${total} %, not 100 %`)
  return shares.filter(({ percent }) => percent > 0)
}

/**
 * Gives some revisions the shares asked for, and leaves the rest to the others of those that serve, in the proportion they have now, in whole
 * percents (largest remainders). This is what Cloud Run does with a list of less than 100 %.
 * @throws MW_TRAFFIC_SPLIT_INVALID when there is a rest, and nobody else to take it.
 */
export function fillShares(asked: readonly Share[], serving: readonly Share[]): readonly Share[] {
  const rest = 100 - asked.reduce((sum, { percent }) => sum + percent, 0)
  const named = new Set(asked.map(({ revision }) => revision))
  const others = serving.filter(({ revision }) => !named.has(revision))
  const total = others.reduce((sum, { percent }) => sum + percent, 0)
  if (rest > 0 && total === 0)
    throw trafficErrors.MW_TRAFFIC_SPLIT_INVALID(`${printShares(asked)} leaves ${rest} % to the others that serve, and there is no other`)
  const exact = others.map(({ revision, percent }) => ({ revision, exact: (percent * rest) / total }))
  const floors = exact.map(({ revision, exact }) => ({ revision, percent: Math.floor(exact), remainder: exact - Math.floor(exact) }))
  let left = rest - floors.reduce((sum, { percent }) => sum + percent, 0)
  for (const share of [...floors].sort((a, b) => b.remainder - a.remainder)) {
    if (left === 0) break
    share.percent++
    left--
  }
  return [...asked, ...floors.map(({ revision, percent }) => ({ revision, percent }))].filter(({ percent }) => percent > 0)
}

/** In the order of those that serve now, new ones behind, so that few keys change their revision. */
export function inOrderOf(serving: readonly Share[], shares: readonly Share[]): readonly Share[] {
  const place = new Map(serving.map(({ revision }, i) => [revision, i]))
  return [...shares].sort((a, b) => (place.get(a.revision) ?? serving.length) - (place.get(b.revision) ?? serving.length))
}

/** Whether the same revisions get the same shares. */
export function sameShares(a: readonly Share[], b: readonly Share[]): boolean {
  const percents = new Map(a.map(({ revision, percent }) => [revision, percent]))
  return a.length === b.length && b.every(({ revision, percent }) => percents.get(revision) === percent)
}

/** `A=90,B=10`, as the command line takes it. */
export function printShares(shares: readonly Share[]): string {
  return shares.map(({ revision, percent }) => `${revision}=${percent}`).join(',')
}
