import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Predictor } from '../../../../../../../src/sources/serving/runtimes/typescript/predictor.ts'

/** As long as a call of a real model, so that there is something in hand when a worker is killed. */
const CALL_MS = 5

export default {
  async predict({ rows, columns }) {
    const { a, b, act } = columns
    await delay(CALL_MS)
    const acts: string[] = Array.from(act)
    if (acts.includes('die')) process.exit(1)
    const refused = acts.indexOf('refuse')
    if (refused >= 0) throw Object.assign(new Error(`task ${a[refused]} is refused, as it wanted`), { code: 'MW_INPUT_UNFIT' })
    const failed = acts.indexOf('fail')
    if (failed >= 0) throw new Error(`task ${a[failed]} fails, as it wanted`)
    return {
      total: Array.from({ length: rows }, (_, row) => 1000 * a[row] + b[row]),
      execution: Array.from({ length: rows }, () => randomUUID()),
    }
  },
} satisfies Predictor
