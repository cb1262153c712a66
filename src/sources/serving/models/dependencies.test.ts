import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkDependencies } from './dependencies.ts'

let revisionDir = ''
beforeEach(async () => {
  revisionDir = await mkdtemp(join(tmpdir(), 'dependencies-'))
  await mkdir(join(revisionDir, 'node_modules/@scope/tiny'), { recursive: true })
  await writeFile(join(revisionDir, 'node_modules/@scope/tiny/package.json'), '{"name": "@scope/tiny", "version": "2.3.4-rc.1"}')
})
afterEach(() => rm(revisionDir, { recursive: true }))

const check = (wanted: Record<string, string> | undefined) => checkDependencies(wanted, { revisionDir, modelwatch: '0.1.0' })
const [major] = process.versions.node.split('.')

test('what runs is told, and what is not known here is told as it was written', () => {
  expect(check(undefined)).toEqual([])
  expect(check({ node: '>=24', modelwatch: '^0.1.0', '@scope/tiny': '>=2', 'scikit-learn': '1.5.2', 'no such name!': '*' })).toEqual([
    { name: 'node', wanted: '>=24', version: process.versions.node },
    { name: 'modelwatch', wanted: '^0.1.0', version: '0.1.0' },
    { name: '@scope/tiny', wanted: '>=2', version: '2.3.4-rc.1' },
    { name: 'scikit-learn', wanted: '1.5.2', version: undefined },
    { name: 'no such name!', wanted: '*', version: undefined },
  ])
})

test('what modelwatch itself runs with is found from anywhere', () => {
  expect(check({ 'onnxruntime-node': '^1.20' })[0]!.version).toMatch(/^1\.\d+\.\d+/)
})

test.for([
  { why: 'too old', wanted: { node: '>=99' }, want: `node ${process.versions.node} runs here, and >=99 is asked for` },
  { why: 'another major', wanted: { '@scope/tiny': '^1.0.0' }, want: '@scope/tiny 2.3.4-rc.1 runs here, and ^1.0.0 is asked for' },
  { why: 'no range', wanted: { node: 'the newest' }, want: 'node: "the newest" is no range of versions' },
  { why: 'several', wanted: { node: '<1', modelwatch: '>5' }, want: '<1 is asked for; modelwatch 0.1.0 runs here' },
])('$why is refused', ({ wanted, want }) => {
  expect(() => check(wanted)).toThrow(expect.objectContaining({ code: 'MW_DEPENDENCY_MISMATCH', message: expect.stringContaining(want) }))
})

test('a name cannot lead out of the folders of packages', () => {
  expect(
    check({ '../../../etc': '1', './golden': '1', '/etc': '1', 'node:fs': '1', constructor: '1' }).map(({ version }) => version),
  ).toEqual(Array.from({ length: 5 }, () => undefined))
  expect(check({ node: `^${major}.0.0` })[0]!.version).toBe(process.versions.node)
})
