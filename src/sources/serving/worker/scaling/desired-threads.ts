export interface ScalingOptions {
  /** Tasks for which one thread is wanted; above 0. */
  readonly tasksPerThread: number
  /** At least 1. */
  readonly threadsMin: number
  /** At least `threadsMin`. */
  readonly threadsMax: number
  /** How far the tasks per thread may be from `tasksPerThread` without a change, a ratio ≥ 0. */
  readonly tolerance: number
}

/**
 * Threads for a queue of this depth, by the formula of the Kubernetes Horizontal Pod Autoscaler for an external metric with a target average:
 * ceil(depth / target), and no change while depth / (current · target) is within the tolerance of 1.
 *
 * @param current - Threads there are, at least 1.
 * @param depth - Tasks waiting and active, at least 0.
 * @returns a whole number from `threadsMin` to `threadsMax`.
 * @see https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
 */
export function recommendThreads({ current, depth }: { current: number; depth: number }, options: ScalingOptions): number {
  const { tasksPerThread, threadsMin, threadsMax, tolerance } = options
  const capacity = current * tasksPerThread
  // Multiplied out, for 22 / 20 - 1 is a little more than 0.1.
  const wanted = Math.abs(depth - capacity) <= tolerance * capacity ? current : Math.ceil(depth / tasksPerThread)
  return Math.min(threadsMax, Math.max(threadsMin, wanted))
}

/** Remembers what was recommended, for as long as a lower recommendation must wait for it. */
export interface Stabilizer {
  /**
   * Follows a recommendation upwards at once, downwards only as far as the highest one within the window. The count at the first call stands in the
   * window as if it had been recommended, so that a start with few tasks ends no threads.
   */
  desired(now: { timeMs: number; current: number; recommended: number }): number
}

/** @param windowMs - 0: downwards at once, too. */
export function createStabilizer(windowMs: number): Stabilizer {
  // Each is higher than all that came after it: a lower, older one can never be the highest again. So there are at most as many as there are counts of threads.
  let falling: { readonly timeMs: number; readonly threads: number }[] = []
  let begun = false
  const remember = (timeMs: number, threads: number) => {
    falling = falling.filter((past) => past.threads > threads && past.timeMs > timeMs - windowMs)
    falling.push({ timeMs, threads })
  }
  return {
    desired({ timeMs, current, recommended }) {
      if (!begun) remember(timeMs, current)
      begun = true
      remember(timeMs, recommended)
      const highest = falling[0]!.threads
      return recommended > current ? recommended : Math.min(current, highest)
    },
  }
}
