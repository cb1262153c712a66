import { expect, test } from 'vitest'
import { isTest, readSourceFiles } from '../support/source-files.ts'

/**
 * Rooms, and the rooms each may import: downward only, and never a neighbour on the same floor. Only the plane has an order inside it.
 * Everybody may import core.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  instrument: [],
  tables: [],
  watch: ['instrument', 'tables'],
  'sources/serving/runtimes': ['watch', 'instrument'],
  'sources/serving/queue': ['instrument'],
  'sources/serving/traffic': ['instrument'],
  'sources/serving/models': ['sources/serving/runtimes', 'sources/serving/traffic', 'watch', 'instrument'],
  'sources/serving/worker': ['sources/serving/queue', 'sources/serving/models', 'sources/serving/runtimes', 'watch', 'instrument'],
  'sources/serving/gateway': [
    'sources/serving/queue',
    'sources/serving/models',
    'sources/serving/runtimes',
    'sources/serving/traffic',
    'watch',
    'instrument',
  ],
  'sources/loadtest': ['watch', 'instrument', 'tables'],
  'plane/store': ['instrument'],
  'plane/promql': ['plane/store', 'instrument'],
  'plane/exposition': ['plane/store'],
  'plane/scrape': ['plane/exposition', 'plane/store', 'instrument'],
  'plane/rules': ['plane/promql', 'plane/store', 'instrument'],
  'surfaces/api': ['plane/rules', 'plane/promql', 'plane/scrape', 'plane/store', 'instrument'],
  app: [
    'surfaces/api',
    'sources/serving/gateway',
    'sources/serving/worker',
    'sources/serving/models',
    'sources/serving/traffic',
    'sources/serving/queue',
    'sources/serving/runtimes',
    'sources/loadtest',
    'plane/rules',
    'plane/promql',
    'plane/scrape',
    'plane/exposition',
    'plane/store',
    'watch',
    'tables',
    'instrument',
  ],
  cli: ['app'],
}

const rooms = Object.keys(mayImport)
const roomOf = (path: string) => rooms.find((room) => path.startsWith(`src/${room}/`))
/** What a room shows: its face, its contract, its configuration, and for tests its fakes. */
const isFace = (path: string) => /\/(index|contract|config|testing)\.ts$/.test(path)

const files = readSourceFiles()

test('every file stands in a room', () => {
  expect(files.filter(({ path }) => roomOf(path) === undefined).map(({ path }) => path)).toEqual([])
})

test('imports between rooms point down', () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter((target) => target.startsWith('src/'))
      .filter((target) => {
        const [from, to] = [roomOf(path)!, roomOf(target)]
        return to !== from && to !== 'core' && !mayImport[from]!.includes(to ?? '')
      })
      .map((target) => `${path} → ${target}`),
  )
  expect(wrong).toEqual([])
})

test('from outside, a room is entered by its face', () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter((target) => target.startsWith('src/') && roomOf(target) !== roomOf(path) && !['core', 'app'].includes(roomOf(target) ?? ''))
      .filter((target) => !isFace(target))
      .map((target) => `${path} → ${target}`),
  )
  expect(wrong).toEqual([])
})

test('from inside, nobody goes round by the front door', () => {
  const wrong = files
    .filter(({ path }) => !isTest(path))
    .flatMap(({ path, imports }) =>
      imports.filter((target) => target === `src/${roomOf(path)}/index.ts`).map((target) => `${path} → ${target}`),
    )
  expect(wrong).toEqual([])
})

test('no file imports itself by way of others, not even its types', () => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const target of importsOf.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of importsOf.keys()) visit(path, [])
  expect(circles).toEqual([])
})

test('only app and cli read the environment, and nobody but instrument and core the clock', () => {
  const wrong = files
    .filter(({ path, text }) => !isTest(path) && !/^src\/(app|cli)\//.test(path) && /process\.env\b/.test(text))
    .map(({ path }) => path)
  const clock = files
    .filter(({ path, text }) => !isTest(path) && !/^src\/(app|cli|instrument|core)\//.test(path) && /Date\.now\(\)/.test(text))
    .map(({ path }) => path)
  expect([...wrong, ...clock]).toEqual([])
})

test('the product knows nothing of the machine it was written on', () => {
  const wrong = files.filter(({ path, text }) => !isTest(path) && /\.\.\/shared|\/work\/|\/root\//.test(text)).map(({ path }) => path)
  expect(wrong).toEqual([])
})
