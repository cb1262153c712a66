import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUnreadable } from './errors.ts'
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

/** What this process holds open, as Linux tells. */
async function openFiles(): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => ''))
  return Promise.all(links)
}

/** Fails by the test's own time limit. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate)
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

test('CSV of one column: an empty line is a missing value; of more, it is none', async () => {
  expect(await readAll(await write('one.csv', 'n\n1\n\n3\n'))).toEqual([['1'], [''], ['3']])
  expect(await readAll(await write('one-open.csv', 'n\r\n\r\n1'))).toEqual([[''], ['1']])
  expect(await readAll(await write('two.csv', 'n,m\n1,2\n\n3,4\n\n'))).toEqual([
    ['1', '2'],
    ['3', '4'],
  ])
})

test('a table that is left early lets go of its file', async () => {
  const path = await write('left.csv', `n\n${'1\n'.repeat(500_000)}`)
  for await (const batch of (await openTable(path)).batches()) {
    expect(batch).toHaveLength(4096)
    break
  }
  await until(async () => !(await openFiles()).includes(path))
})

test('Parquet: one large row group comes in batches, in order, and the share read grows with each', async () => {
  const data = Array.from({ length: 20_000 }, (_, i) => i)
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'n', data, type: 'DOUBLE' },
      { name: 'odd', data: data.map((i) => (i % 3 === 0 ? null : `s${i % 7}`)), type: 'STRING' },
    ],
    rowGroupSize: 15_000,
    pageSize: 1000,
  })
  const table = await openTable(await write('large.parquet', new Uint8Array(buffer)))
  const shares: number[] = []
  const rows = []
  for await (const batch of table.batches()) {
    expect(batch.length).toBeLessThanOrEqual(4096)
    shares.push(table.readBytes() / table.sizeBytes)
    rows.push(...batch)
  }
  expect(rows).toEqual(data.map((i) => [i, i % 3 === 0 ? null : `s${i % 7}`]))
  expect(shares).toHaveLength(4 + 2)
  expect(shares.every((share, i) => share > (shares[i - 1] ?? 0))).toBe(true)
  expect(shares.at(-1)).toBe(1)
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
  {
    why: 'an empty first line',
    name: 'blank.csv',
    content: '\na,b\n1,2\n',
    code: 'MW_TABLE_UNREADABLE',
    message: 'the first line must name the columns',
  },
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

test.for(['folder.csv', 'folder.parquet'])('a folder named %s is refused', async (name) => {
  await mkdir(join(dir, name))
  await expect(openTable(join(dir, name))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_TABLE_UNREADABLE', message: expect.stringMatching(/is a folder, not a file$/) }),
  )
})

test('what is neither file nor folder is refused', async () => {
  await symlink('/dev/null', join(dir, 'device.csv'))
  await expect(openTable(join(dir, 'device.csv'))).rejects.toThrow(/device\.csv is not a file$/)
})

test.for([
  { code: 'EACCES', syscall: 'open', want: 'rows.csv cannot be opened: permission is denied' },
  { code: 'EIO', syscall: 'read', want: 'rows.csv cannot be read: EIO' },
  { code: 'CSV_QUOTE_NOT_CLOSED', syscall: undefined, want: undefined },
])('$code of the system is told as $want', ({ code, syscall, want }) => {
  const told = asUnreadable('rows.csv', Object.assign(new Error(code), { code, syscall }))
  expect(told?.message).toBe(want)
  if (want !== undefined) expect(told).toMatchObject({ code: 'MW_TABLE_UNREADABLE', kind: 'config' })
})

test('a file that goes away between opening and reading is told, not thrown past everybody', async () => {
  const path = await write('gone.csv', 'a,b\n1,2\n')
  const table = await openTable(path)
  await rm(path)
  const reading = (async () => {
    for await (const _ of table.batches());
  })()
  await expect(reading).rejects.toThrow(expect.objectContaining({ code: 'MW_TABLE_UNREADABLE' }))
})

test('a missing file and a missing column are named', async () => {
  await expect(openTable(join(dir, 'none.csv'))).rejects.toThrow(/none.csv cannot be opened/)
  const table = await openTable(await write('cols.csv', 'a,b\n'))
  expect(() => locateColumns('cols.csv', table, ['b', 'c'])).toThrow('cols.csv lacks the column c; it has a, b')
})
