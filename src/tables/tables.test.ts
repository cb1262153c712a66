import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { locateColumns, openTable } from './index.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tables-'))
})
afterAll(() => rm(dir, { recursive: true }))

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, content)
  return path
}

async function readAll(path: string) {
  const rows = []
  for await (const batch of (await openTable(path)).batches()) rows.push(...batch)
  return rows
}

test('CSV: a mark, quotes, commas and line ends inside quotes, no last line end', async () => {
  const path = await write('a.csv', '\ufeffdate,note\r\n2012-01-01,"a, ""b""\nc"\r\n2012-01-02,')
  expect((await openTable(path)).columns).toEqual(['date', 'note'])
  expect(await readAll(path)).toEqual([
    ['2012-01-01', 'a, "b"\nc'],
    ['2012-01-02', ''],
  ])
})

test('CSV: many rows come in batches, in order', async () => {
  const path = await write('many.csv', `n\n${Array.from({ length: 10_000 }, (_, i) => i).join('\n')}\n`)
  expect((await readAll(path)).map(([n]) => Number(n))).toEqual(Array.from({ length: 10_000 }, (_, i) => i))
})

test('Parquet: types, null, several row groups', async () => {
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'wind', data: [1.5, null, 3], type: 'DOUBLE' },
      { name: 'sky', data: ['sun', 'rain', null], type: 'STRING' },
      { name: 'day', data: [1, 2, 3], type: 'INT32' },
    ],
    rowGroupSize: 2,
  })
  const path = await write('a.parquet', new Uint8Array(buffer))
  const table = await openTable(path)
  expect([table.columns, table.rowCount]).toEqual([['wind', 'sky', 'day'], 3])
  expect(await readAll(path)).toEqual([
    [1.5, 'sun', 1],
    [null, 'rain', 2],
    [3, null, 3],
  ])
})

test.for([
  { why: 'another ending', name: 'a.xlsx', content: '', code: 'MW_TABLE_UNREADABLE', message: 'a.xlsx is neither .csv nor .parquet' },
  { why: 'an empty file', name: 'empty.csv', content: '', code: 'MW_TABLE_UNREADABLE', message: 'the first line must name the columns' },
  {
    why: 'a column that stands twice',
    name: 'twice.csv',
    content: 'a,b,a\n',
    code: 'MW_TABLE_UNREADABLE',
    message: 'the column a stands twice',
  },
  {
    why: 'a half-written row',
    name: 'half.csv',
    content: 'a,b\n1,2\n3',
    code: 'MW_TABLE_BROKEN',
    message: 'half.csv:3: has 1 cells, the header has 2',
  },
  { why: 'an open quote', name: 'quote.csv', content: 'a,b\n1,"2\n3,4\n', code: 'MW_TABLE_BROKEN', message: 'quote.csv' },
  {
    why: 'CSV under a Parquet name',
    name: 'no.parquet',
    content: 'a,b\n1,2\n3,4\n5,6\n',
    code: 'MW_TABLE_BROKEN',
    message: 'is not a whole Parquet file',
  },
])('$why is refused', async ({ name, content, code, message }) => {
  const path = await write(name, content)
  await expect(readAll(path)).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
})

test('a half-written Parquet file is refused', async () => {
  const whole = await readFile(join(dir, 'a.parquet'))
  const path = await write('half.parquet', whole.subarray(0, whole.length - 20))
  await expect(readAll(path)).rejects.toThrow(expect.objectContaining({ code: 'MW_TABLE_BROKEN' }))
})

test('a missing file and a missing column are named', async () => {
  await expect(openTable(join(dir, 'none.csv'))).rejects.toThrow(/none.csv cannot be opened/)
  const table = await openTable(await write('cols.csv', 'a,b\n'))
  expect(() => locateColumns('cols.csv', table, ['b', 'c'])).toThrow('cols.csv lacks the column c; it has a, b')
})
