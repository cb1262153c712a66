import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { ensureEnvironment, type PythonEnvironment, runPython } from '../lib/python.ts'

/** The versions of Debian 12, with which the FastAPI stack trains: other versions would make another model of the same data. */
const sklearn = ['scikit-learn==1.2.1', 'numpy==1.26.4', 'scipy==1.11.4', 'joblib==1.6.0']

export type WineRow = Readonly<Record<string, number>>

/** The model that every server serves, and what it is served with. */
export interface Wine {
  /** Scratch folder of the run. */
  readonly dir: string
  /** A folder that `modelwatch serve` takes. */
  readonly served: string
  readonly joblib: string
  /** Every wine, those of the test set first. */
  readonly rows: readonly WineRow[]
  /** What scikit-learn itself answers for them. */
  readonly answers: readonly number[]
  readonly mlserver: PythonEnvironment
  readonly bentoml: PythonEnvironment
}

/** Trains the model, converts it to ONNX, and makes a package of it with its reference profile. */
export async function prepareWine(root: string, dir: string): Promise<Wine> {
  const training = await ensureEnvironment('training', [...sklearn, 'skl2onnx==1.16.0', 'onnx==1.16.2', 'protobuf==4.25.8'])
  const mlserver = await ensureEnvironment('mlserver', ['mlserver==1.7.1', 'mlserver-sklearn==1.7.1', 'pandas==2.2.3', ...sklearn])
  const bentoml = await ensureEnvironment('bentoml', ['bentoml==1.4.39', ...sklearn])
  const csv = join(root, '../shared/data/wine-quality/winequality-red.csv')
  runPython(training, [join(import.meta.dirname, 'train.py'), csv, dir])
  const { rows, answers }: { rows: WineRow[]; answers: number[] } = JSON.parse(await readFile(join(dir, 'rows.json'), 'utf8'))

  const served = join(dir, 'served')
  const modelDir = join(served, 'models/wine')
  const revisionDir = join(modelDir, 'revisions/v1')
  await mkdir(revisionDir, { recursive: true })
  const features = Object.keys(rows[0]!).map((name) => ({ name, type: 'number', range: [0, 1000] }))
  const outputs = [{ name: 'quality', kind: 'regression', range: [0, 10] }]
  await writeFile(join(modelDir, 'model.yaml'), stringify({ name: 'wine', features, outputs }))
  await cp(join(dir, 'model.onnx'), join(revisionDir, 'model.onnx'))
  await writeFile(join(served, 'modelwatch.yaml'), stringify({ queue: { url: 'sqlite:queue.db' } }))
  const profile = [join(root, 'bin/modelwatch.js'), 'profile', modelDir, '--data', join(dir, 'training.csv')]
  await promisify(execFile)(process.execPath, profile)
  return { dir, served, joblib: join(dir, 'model.joblib'), rows, answers, mlserver, bentoml }
}
