// `npm run peers -- serving`: one model of scikit-learn behind the tutorials' FastAPI stack, MLServer, BentoML and modelwatch, in one run: predictions, tasks, and
// requests of many rows. About ten minutes on a quiet machine of two cores, and as many again the first time, for the Python packages.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findProgram } from '../../test/support/needs.ts'
import { hasWrk } from '../support/wrk.ts'
import { runPython } from './lib/python.ts'
import { Report } from './lib/report.ts'
import { measureBookkeeping } from './serving/inside.ts'
import { measurePredictions } from './serving/predictions.ts'
import { measureTasks } from './serving/tasks.ts'
import { prepareWine } from './serving/wine.ts'

const root = join(import.meta.dirname, '../..')
const args = process.argv.slice(2)
const { values } = parseArgs({
  args,
  options: {
    /** Medians are of as many. */
    rounds: { type: 'string', default: '3' },
    /** Of one load. */
    seconds: { type: 'string', default: '3' },
    /** Parts, separated by commas. */
    only: { type: 'string', default: 'predictions,bookkeeping,tasks' },
  },
})
const rounds = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
if (!(Number.isInteger(rounds.rounds) && rounds.rounds >= 1 && Number.isInteger(rounds.seconds) && rounds.seconds >= 1)) {
  console.error('--rounds and --seconds are whole numbers of at least 1')
  process.exit(2)
}
needDebianPackages()

const report = new Report()
const dir = mkdtempSync(join(tmpdir(), 'serving-peers-'))
// However this process ends.
process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
const wine = await prepareWine(root, dir)
report.line(
  `one model, served by all: StandardScaler and HistGradientBoostingRegressor of scikit-learn 1.2.1 on the red wines; modelwatch serves it as ONNX`,
)
report.line(
  '(skl2onnx), and every server is asked first whether it answers what scikit-learn answers, to 1e-5. cores: "one" has the server on core 0 and wrk on',
)
report.line(
  `core 1; "both" has the server on both and wrk on core 1. Medians of ${rounds.rounds} rounds of ${rounds.seconds} s, servers alternating, one at a time.\n`,
)
if (values.only.includes('predictions')) await measurePredictions(wine, rounds, report)
if (values.only.includes('bookkeeping')) await measureBookkeeping(wine, report)
if (values.only.includes('tasks')) await measureTasks(wine, rounds, report)
await report.write('serving', args)

/** The FastAPI stack runs on the system's own Python. */
function needDebianPackages(): void {
  const packages =
    'python3-fastapi python3-uvicorn gunicorn python3-redis python3-requests python3-sklearn python3-prometheus-client redis-server wrk'
  try {
    if (!hasWrk()) throw new Error('there is no wrk')
    if (findProgram('redis-server') === undefined) throw new Error('there is no redis-server')
    runPython({ python: '/usr/bin/python3' }, ['-c', 'import fastapi, uvicorn, gunicorn, redis, requests, sklearn, prometheus_client'])
  } catch (error) {
    console.error(`${(error as Error).message}\nthe FastAPI stack and its load need packages of Debian: apt-get install ${packages}`)
    process.exit(2)
  }
}
