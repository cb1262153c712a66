import type { Random } from '../../../../core/random.ts'

/**
 * The wait before another attempt: it doubles with each, up to a bound, and is drawn between half of that and the whole, so that what failed together does not
 * come back together.
 *
 * @param attempts - Attempts that failed, ≥ 1.
 * @returns Whole milliseconds, ≥ 1.
 */
export function retryDelayMs(
  attempts: number,
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
  random: Random,
): number {
  const wholeMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, 50))
  return Math.max(1, Math.round(wholeMs / 2 + (random() * wholeMs) / 2))
}
