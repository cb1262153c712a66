import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { parseConfig } from '../../../core/config.ts'
import { type ModelSchema, parseReference, type Reference } from '../../../watch/index.ts'
import type { Runtime } from '../runtimes/contract.ts'
import { modelErrors } from './errors.ts'
import { type GoldenRows, parseGolden } from './golden.ts'
import { newestRevision, readIfThere, readModelSchema, readText, revisionDirOf } from './model-folder.ts'

const infoKeys = {
  trained_at: Type.Optional(
    Type.String({
      title: 'a time such as 2026-11-20T08:00:00Z',
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
    }),
  ),
  framework: Type.Optional(Type.String()),
  training_data: Type.Optional(Type.String({ description: 'Digest of the training data.' })),
  digest: Type.Optional(
    Type.String({
      title: 'sha256: and 64 hexadecimal digits',
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'Digest of the model file; another file is not served.',
    }),
  ),
  dependencies: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Versions the model was made for, by package.' })),
  notes: Type.Optional(Type.String()),
}

/** `revision.yaml`: where a revision comes from, and how it is run. Every key may be left out, and so may the file. */
const RevisionInfo = Type.Object(infoKeys, { additionalProperties: false, default: {} })
export type RevisionInfo = Static<typeof RevisionInfo>

/** A revision's folder, read and checked; the model itself is not loaded yet. */
export interface ModelPackage {
  readonly schema: ModelSchema
  readonly revision: string
  readonly revisionDir: string
  readonly info: RevisionInfo
  /** Undefined when the revision has no reference.json: it is served, and its drift is not watched. */
  readonly reference: Reference | undefined
  /** Rows whose answers are known, and must come out; undefined when the revision has no golden.json. */
  readonly golden: GoldenRows | undefined
  readonly runtime: Runtime
  /** The file by which the runtime knew the model. */
  readonly modelPath: string
  /** The `runtime:` block of revision.yaml, checked against the runtime's settings. */
  readonly settings: unknown
}

/**
 * Reads a model's folder and one of its revisions.
 * @param revision - Its name; the newest when left out.
 * @throws MW_MODEL_PACKAGE when model.yaml or the revision is missing or cannot be read, or holds no model that a runtime knows; MW_CONFIG_INVALID for a file that is wrong.
 */
export async function readModelPackage(dir: string, runtimes: readonly Runtime[], revision?: string): Promise<ModelPackage> {
  const schema = await readModelSchema(dir)
  return readRevision({ dir, schema, revision: revision ?? (await newestRevision(dir)) }, runtimes)
}

/** As `readModelPackage`, of a model whose model.yaml was read before. */
export async function readRevision(
  of: { readonly dir: string; readonly schema: ModelSchema; readonly revision: string },
  runtimes: readonly Runtime[],
): Promise<ModelPackage> {
  const { schema, revision } = of
  return { ...(await readRevisionDir(revisionDirOf(of.dir, revision), schema, runtimes)), revision }
}

/** Reads a folder with a model file, wherever it is. */
export async function readRevisionDir(
  revisionDir: string,
  schema: ModelSchema,
  runtimes: readonly Runtime[],
): Promise<Omit<ModelPackage, 'revision'>> {
  const { runtime, modelPath } = await findModelFile(revisionDir, runtimes)
  const infoFile = join(revisionDir, 'revision.yaml')
  const referenceFile = join(revisionDir, 'reference.json')
  const infoText = await readIfThere(infoFile, readText)
  const goldenFile = join(revisionDir, 'golden.json')
  const goldenText = await readIfThere(goldenFile, readText)
  const referenceText = await readIfThere(referenceFile, readText)
  const Info = Type.Object({ ...infoKeys, runtime: runtime.settings }, { additionalProperties: false, default: {} })
  const { runtime: settings, ...info } = parseConfig(Info, infoText ?? '', { file: infoFile }).value as RevisionInfo & { runtime: unknown }
  return {
    schema,
    revisionDir,
    info,
    reference: referenceText === undefined ? undefined : parseReference(referenceText, { file: referenceFile }, schema),
    golden: goldenText === undefined ? undefined : parseGolden(goldenText, { file: goldenFile }, schema),
    runtime,
    modelPath,
    settings,
  }
}

/** @throws MW_MODEL_PACKAGE when the folder holds no model file that a runtime knows. */
async function findModelFile(revisionDir: string, runtimes: readonly Runtime[]): Promise<Pick<ModelPackage, 'runtime' | 'modelPath'>> {
  for (const runtime of runtimes) {
    for (const file of runtime.modelFiles) {
      const modelPath = join(revisionDir, file)
      const there = await access(modelPath).then(
        () => true,
        () => false,
      )
      if (there) return { runtime, modelPath }
    }
  }
  throw modelErrors.MW_MODEL_PACKAGE(
    `${revisionDir} holds no model: it needs ${runtimes.flatMap(({ modelFiles }) => modelFiles).join(' or ')}`,
  )
}
