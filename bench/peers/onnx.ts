// `npm run peers -- onnx`: models as scikit-learn, XGBoost and PyTorch export them, made in throw-away Python environments with Python's own answers, and then
// predicted by the runtime `onnx`. Numbers must agree to 1e-5 of their scale, labels exactly; what cannot be served must be refused by name.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureEnvironment, runPython } from './lib/python.ts'
import { Report } from './lib/report.ts'
import { checkCase, DIFFERENCE_MAX } from './onnx/case.ts'

/** PyTorch from PyPI brings the libraries of graphics cards: 3 GB to fetch, 5.5 GB on disk. */
const WITHOUT_TORCH = '--without-torch'

const makers = [
  {
    name: 'sklearn',
    script: 'make_sklearn.py',
    packages: [
      'scikit-learn==1.9.1',
      'numpy==2.4.6',
      'pandas==3.1.1',
      'skl2onnx==1.20.0',
      'onnxmltools==1.16.0',
      // Newer ones refuse what skl2onnx 1.20 writes: a boolean where an int is due.
      'onnx==1.19.1',
      'protobuf==6.33.0',
      'packaging==26.3',
      'xgboost==3.2.0',
    ],
  },
  { name: 'torch', script: 'make_torch.py', packages: ['torch==2.15.0', 'numpy==2.4.6', 'onnx==1.23.2', 'onnxscript==0.7.2'] },
]

const args = process.argv.slice(2)
const unknown = args.find((arg) => arg !== WITHOUT_TORCH)
if (unknown !== undefined) {
  console.error(`npm run peers -- onnx takes ${WITHOUT_TORCH}, got ${unknown}`)
  process.exit(2)
}

const report = new Report()
const dir = mkdtempSync(join(tmpdir(), 'onnx-oracles-'))
const casesDir = join(dir, 'cases')
const workDir = join(dir, 'models')
mkdirSync(casesDir)
try {
  for (const { name, script, packages } of makers.filter(({ name }) => name !== 'torch' || !args.includes(WITHOUT_TORCH))) {
    const environment = await ensureEnvironment(name, packages)
    console.log(`making models with ${packages.join(', ')} …`)
    runPython(environment, [join(import.meta.dirname, 'onnx', script), casesDir])
  }
  const widths = [28, 6, 12, 8, 8]
  report.line(
    `models exported from Python, predicted by the runtime onnx: inline and in a thread; bar ${DIFFERENCE_MAX} of the scale, and every label\n`,
  )
  report.row(['model', 'rows', 'difference', 'labels', 'result'], widths)
  const failures: string[] = []
  const makersSeen = new Set<string>()
  for (const name of readdirSync(casesDir).sort()) {
    const { madeBy, rows, difference, labelsWrong, fault, note } = await checkCase(join(casesDir, name), workDir)
    makersSeen.add(madeBy)
    const labels = Number.isNaN(labelsWrong) ? '' : `${labelsWrong} off`
    const result = fault === undefined ? (note === '' ? 'equal' : 'refused') : 'FAILED'
    report.row([name, rows, Number.isNaN(difference) ? '' : difference.toExponential(1), labels, result], widths)
    if (note !== '') report.line(`  ${note}`)
    if (fault !== undefined) {
      report.line(`  ${fault}`)
      failures.push(name)
    }
  }
  report.line(`\nmade by ${[...makersSeen].sort().join('; ')}`)
  report.line(failures.length === 0 ? 'all as wanted' : `failed: ${failures.join(', ')}`)
  if (failures.length > 0) process.exitCode = 1
  await report.write('onnx', args)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
