import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Cell, openTable } from '../tables/index.ts'
import { type ProfileRequest, profileModel } from './profile.ts'

const example = join(import.meta.dirname, '../../examples/weather')
const training = join(example, 'data/seattle-training.csv')
let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'profile-'))
  await cp(join(example, 'models/weather'), join(dir, 'weather'), { recursive: true })
})
afterEach(() => rm(dir, { recursive: true }))

const profile = (change: Partial<ProfileRequest> = {}) =>
  profileModel({
    modelDir: join(dir, 'weather'),
    revision: undefined,
    dataFile: training,
    out: join(dir, 'out.json'),
    binsMax: 10,
    skipInvalid: false,
    ...change,
  })

const edit = async (name: string, from: string, to: string) =>
  writeFile(join(dir, name), (await readFile(join(dir, name), 'utf8')).replace(from, to))

/** The training file with its first data row changed. */
async function changedTraining(from: RegExp | string, to: string): Promise<string> {
  const path = join(dir, 'changed.csv')
  await writeFile(path, (await readFile(training, 'utf8')).replace(from, to))
  return path
}

test('the profile of the training file is the committed one, and progress is told', async () => {
  const shares: number[] = []
  await profile({ onProgress: (share) => shares.push(share) })
  const committed = await readFile(join(example, 'models/weather/revisions/v1/reference.json'), 'utf8')
  expect(await readFile(join(dir, 'out.json'), 'utf8')).toBe(committed)
  expect(shares.at(-1)).toBe(1)
})

test('a Parquet file of the same rows gives the same bins', async () => {
  const table = await openTable(training)
  const rows: (readonly Cell[])[] = []
  for await (const batch of table.batches()) rows.push(...batch)
  const columnData = table.columns.map((name, c) => {
    const cells = rows.map((row) => String(row[c]))
    return name === 'date' || name === 'weather'
      ? { name, data: cells, type: 'STRING' as const }
      : { name, data: cells.map(Number), type: 'DOUBLE' as const }
  })
  const path = join(dir, 'training.parquet')
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })))
  const csv = await profile()
  const parquet = await profile({ dataFile: path })
  expect(parquet.reference.values).toEqual(csv.reference.values)
  expect(parquet.reference.baseline).toEqual(csv.reference.baseline)
})

test('a row that breaks the schema is named, or left out when asked', async () => {
  const dataFile = await changedTraining(/^(2012-01-\d\d),([\d.]+),/m, '$1,-5,')
  await expect(profile({ dataFile })).rejects.toThrow(
    expect.objectContaining({
      code: 'MW_PROFILE_ROWS_INVALID',
      message: expect.stringContaining('row 1: precipitation must lie between 0 and 500, got -5'),
    }),
  )
  const { reference, skipped } = await profile({ dataFile, skipInvalid: true })
  expect([reference.rows, skipped]).toEqual([1094, 1])
})

test('among many rows, the first that breaks the schema is named, and all that do are left out when asked', async () => {
  const [header, ...rows] = (await readFile(training, 'utf8')).trimEnd().split('\n')
  const many = Array.from({ length: 12 }, () => rows).flat() // Several batches.
  for (const [n, row] of many.entries()) {
    if (n >= 5000 && n % 3 === 0) many[n] = row.replace(/^([^,]*),[^,]*/, '$1,-5') // Precipitation: by far more than are described one by one.
  }
  many[4997] = many[4997]!.replace(/sun|rain|fog|snow|drizzle/, 'hail') // A later feature, and the first row.
  const dataFile = join(dir, 'many.csv')
  await writeFile(dataFile, `${[header, ...many].join('\n')}\n`)
  await expect(profile({ dataFile })).rejects.toThrow(/row 4998: weather must be one of/)
  const left = many.filter((row, n) => n === 4997 || row.split(',')[1] === '-5').length
  const { reference, skipped } = await profile({ dataFile, skipInvalid: true })
  expect([reference.rows, skipped]).toEqual([many.length - left, left])
  expect(reference.baseline[0]!.rows).toBe(many.length - left)
})

test('a model that answers nothing of use on its own training rows is refused', async () => {
  await edit('weather/model.yaml', 'name: precipitation, type: number,', 'name: precipitation, type: number, nullable: true,')
  const dataFile = await changedTraining(/^([\d-]+),[^,]*,/gm, '$1,,')
  await expect(profile({ dataFile })).rejects.toThrow(
    expect.objectContaining({
      code: 'MW_PROFILE_OUTPUT_EMPTY',
      message: expect.stringContaining('the model never answers a finite number for temp_max_tomorrow, in 1095 rows of'),
    }),
  )
  expect(await readdir(dir)).not.toContain('out.json')
})

test('a place that cannot be written is told before the training data are even opened', async () => {
  const dataFile = join(dir, 'not-there.csv')
  await expect(profile({ dataFile, out: join(dir, 'nowhere/out.json') })).rejects.toThrow(
    expect.objectContaining({ code: 'MW_WRITE_FAILED' }),
  )
  await expect(profile({ dataFile })).rejects.toThrow(expect.objectContaining({ code: 'MW_TABLE_UNREADABLE' }))
})

test.for([
  {
    why: 'a missing column',
    from: 'wind',
    to: 'gusts',
    code: 'MW_TABLE_COLUMN_MISSING',
    want: 'lacks the column wind; it has date, precipitation',
  },
  { why: 'no rows', from: /\n[\s\S]*$/, to: '\n', code: 'MW_PROFILE_EMPTY', want: 'holds no row' },
  { why: 'a half-written last row', from: /,[^,]*\n$/, to: '', code: 'MW_TABLE_BROKEN', want: 'cells, the header has' },
])('$why is refused, and nothing is left behind', async ({ from, to, code, want }) => {
  const dataFile = await changedTraining(from, to)
  await expect(profile({ dataFile })).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(want) }))
  expect((await readdir(dir)).sort()).toEqual(['changed.csv', 'weather'])
})
