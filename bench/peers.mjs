// `npm run peers`: modelwatch beside what it is measured against, and beside Python. All parts, or those named; a part's own flags follow its name:
//   npm run peers -- plane                     the plane beside Prometheus and VictoriaMetrics
//   npm run peers -- onnx --without-torch      models exported from Python, and Python's own answers
//   npm run peers -- serving --rounds 5        predictions and tasks beside FastAPI, MLServer and BentoML
// It wants a quiet machine, and is no part of the tests. Needs the folder ../shared; what a part prints is also written to bench/peers/.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from '../scripts/lib/build.mjs'
import { ensureInstalled } from '../scripts/lib/install.mjs'
import { root, runNode } from '../scripts/lib/run.mjs'

const files = { plane: 'plane.mjs', onnx: 'onnx.ts', serving: 'serving.ts' }
const args = process.argv.slice(2)
const isPart = (arg) => Object.hasOwn(files, arg)
const flagsAt = args.findIndex((arg) => !isPart(arg))
const parts = flagsAt === -1 ? args : args.slice(0, flagsAt)
const flags = flagsAt === -1 ? [] : args.slice(flagsAt)
if (flags.length > 0 && parts.length !== 1) {
  console.error(`npm run peers: ${flags.join(' ')} is for one part alone; name it first: ${Object.keys(files).join(', ')}`)
  process.exit(2)
}
if (!existsSync(join(root, '../shared/bench/plane.mjs'))) {
  console.error('npm run peers needs the folder ../shared, with the bench and the list of peers; it is not here.')
  process.exit(2)
}
await ensureInstalled()
await ensureBuilt()
for (const part of parts.length > 0 ? parts : Object.keys(files)) {
  console.log(`— ${part}`)
  const code = await runNode([join('bench/peers', files[part]), ...flags])
  if (code !== 0) process.exitCode = code
}
