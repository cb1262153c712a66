import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../core/errors.ts'
import type { ExpositionFormat } from './series.ts'
import { createExpositionReader } from './testing.ts'

const runs = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Pieces that mean something, so that random texts get past the first character. */
const piece = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...[
        'a',
        'a_bucket',
        'http.status',
        '{',
        '}',
        '"',
        '\\',
        '\\n',
        ',',
        '=',
        ' ',
        '\t',
        '\n',
        '\r\n',
        '#',
        '# TYPE ',
        '# HELP ',
        '# UNIT ',
        '# EOF',
        'counter',
      ],
      ...[
        'histogram',
        'le="',
        'quantile="0.5"',
        '0x1p3',
        '1',
        '-1.5e300',
        '+Inf',
        'NaN',
        '1e999',
        '_',
        '1_000',
        ' 1700000000000',
        ' 1.5',
        ' # {id="x"} 1',
        '\u0000',
        'ü',
        '\ud800',
      ],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
)

const valid = [
  '# TYPE a counter\n# HELP a b\na_total{x="1",y="\\"z\\""} 12 1700000000000\n',
  '{"http.status",b="c"} 1\n',
  'a_bucket{le="+Inf"} 3\n# EOF\n',
]

/** Random pieces, or a valid text with a cut, a doubling or a foreign piece somewhere. */
const text = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  fc.tuple(fc.constantFrom(...valid), fc.nat(100), fc.nat(100), piece).map(([whole, from, length, other]) => {
    const at = from % whole.length
    return whole.slice(0, at) + other + whole.slice(at + (length % 5))
  }),
)

test(`fuzz: any text is read or refused by line (seed ${seed})`, () => {
  fc.assert(
    fc.property(text, fc.constantFrom<ExpositionFormat>('text', 'openmetrics'), (body, format) => {
      const reader = createExpositionReader(format)
      try {
        const { samples } = reader.read(body)
        // What was read once is read again from what was learned, with the same result.
        expect(reader.read(body).samples).toEqual(samples)
        for (const { labels, timeMs } of samples) {
          expect(Object.keys(labels)).toContain('__name__')
          expect(timeMs === undefined || Number.isFinite(timeMs)).toBe(true)
        }
      } catch (error) {
        if (!(error instanceof ModelwatchError)) throw error
        expect(error.code).toBe('MW_EXPOSITION_SYNTAX')
        expect(error.message).toMatch(/^line \d+: /)
      }
    }),
    { numRuns: runs, seed },
  )
})

test('a line of ten million characters is read or refused in a moment', () => {
  for (const body of [
    `a{b="${'x'.repeat(1e7)}"} 1\n`,
    `a${'{'.repeat(1e7)}`,
    `a ${'1'.repeat(1e7)}\n`,
    `# HELP a ${'\\n'.repeat(5e6)}\n`,
    '"'.repeat(1e7),
  ]) {
    const startTick = performance.now()
    try {
      createExpositionReader('text').read(body)
    } catch (error) {
      expect(error).toBeInstanceOf(ModelwatchError)
    }
    expect(performance.now() - startTick).toBeLessThan(5000)
  }
})
