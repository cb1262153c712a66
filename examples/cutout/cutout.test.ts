import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readModelPackage } from '../../src/sources/serving/models/index.ts'
import { type LoadedModel, runtimes } from '../../src/sources/serving/runtimes/index.ts'
import { compileRowReader, toRuleFile } from '../../src/watch/index.ts'
import { needs } from '../../test/support/needs.ts'
import { readPicture } from './models/cutout/revisions/v1/pictures.ts'

const example = import.meta.dirname
const read = (file: string) => readFile(join(example, file), 'utf8')
const { schema, modelPath, settings, info } = await readModelPackage(join(example, 'models/cutout'), runtimes)

let model: LoadedModel
const events: unknown[] = []
beforeAll(async () => {
  const runtime = runtimes.find(({ name }) => name === 'typescript')!
  model = await runtime.load(modelPath, schema, {
    settings,
    placement: 'threads',
    threads: 1,
    threadFile: new URL('../../src/sources/serving/runtimes/threads/main.ts', import.meta.url),
    onEvent: (event) => events.push(event),
  })
}, 120_000)
afterAll(async () => {
  await model?.unload()
  expect(events).toEqual([]) // No thread died, and nothing was printed.
})

/** Sends files as a client would. */
async function cut(...files: Uint8Array[]) {
  const { columns, faultCount } = compileRowReader(schema)(files.map((file) => ({ picture: Buffer.from(file).toString('base64') })))
  expect(faultCount).toBe(0)
  const outputs = await model.predict(columns)
  return files.map((_, row) => {
    const [cutout, ratio, width, height] = outputs.map((column) => column[row]!)
    return { cutout: cutout as Uint8Array, ratio: ratio as number, width: width as number, height: height as number }
  })
}

async function toPixels(png: Uint8Array) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  expect(channels).toBe(4)
  const at = (x: number, y: number) => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)]
  return { width, height, at }
}

/** A red disc on noisy blue: `radius` pixels around the middle. */
function drawDisc(width: number, height: number, radius: number): Sharp {
  const pixels = Buffer.alloc(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) - width / 2, Math.floor(i / width) - height / 2]
    const colour = Math.hypot(x, y) < radius ? [200, 40, 30] : [30, 60, 160]
    pixels.set(
      colour.map((value) => value + ((i * 7919) % 23)),
      i * 3,
    )
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

test.for([
  { file: 'chelsea.png', width: 451, height: 300, foreground: [220, 200], why: 'a cat that fills the picture: fur between the eyes' },
  { file: 'coffee.png', width: 600, height: 400, foreground: [280, 240], why: 'a cup' },
  { file: 'horse.png', width: 400, height: 328, foreground: [200, 130], why: 'transparent outside of a silhouette' },
  { file: 'rocket.jpg', width: 640, height: 427, foreground: [310, 250], why: 'a JPEG; the rocket' },
] as const)('$file: $why', { timeout: 60_000 }, async ({ file, width, height, foreground: [x, y] }, context) => {
  const bytes = await readFile(join(needs(context, '../shared'), 'data/images', file))
  const [answer] = await cut(bytes)
  expect(answer).toMatchObject({ width, height })
  const result = await toPixels(answer!.cutout)
  expect(result).toMatchObject({ width, height })
  for (const corner of [result.at(0, 0), result.at(width - 1, 0), result.at(0, height - 1), result.at(width - 1, height - 1)])
    expect(corner).toEqual([0, 0, 0, 0]) // Nor is there a colour left that a viewer without alpha would show.
  const before = await sharp(bytes).ensureAlpha().raw().toBuffer()
  const at = (y * width + x) * 4
  expect(result.at(x, y)).toEqual([...before.subarray(at, at + 3), 255])
  expect(answer!.ratio).toBeGreaterThan(0.2)
  expect(answer!.ratio).toBeLessThan(0.6)
})

/** An ordinary one smears colours so pure over the edge, and grabCut then sees a third colour there. */
const sharpJpeg = { quality: 100, chromaSubsampling: '4:4:4' }

test.for([
  { format: 'png', make: (disc: Sharp) => disc.png() },
  { format: 'jpeg', make: (disc: Sharp) => disc.jpeg(sharpJpeg) },
  { format: 'webp', make: (disc: Sharp) => disc.webp({ lossless: true }) },
  { format: 'gif', make: (disc: Sharp) => disc.gif() },
  { format: 'tiff', make: (disc: Sharp) => disc.tiff({ compression: 'lzw' }) },
  { format: 'png of 16 bits a colour', make: (disc: Sharp) => disc.toColourspace('rgb16').png() },
  { format: 'jpeg in CMYK', make: (disc: Sharp) => disc.toColourspace('cmyk').jpeg(sharpJpeg) },
  { format: 'grey png', make: (disc: Sharp) => disc.greyscale().png() },
])('a disc comes out as a disc: $format', async ({ make }) => {
  const [answer] = await cut(await make(drawDisc(240, 180, 50)).toBuffer())
  expect(answer!.ratio).toBeCloseTo((Math.PI * 50 ** 2) / (240 * 180), 2) // Its area: 0.182.
})

test('a large picture is cut small, and comes out large', { timeout: 60_000 }, async () => {
  const [answer] = await cut(await drawDisc(3000, 2000, 700).jpeg(sharpJpeg).toBuffer())
  expect(answer).toMatchObject({ width: 3000, height: 2000 })
  // The mask has 512 pixels where the picture has 3000: its edge is true to two of its own, 12 of the picture's.
  expect(Math.abs(Math.sqrt((answer!.ratio * 6_000_000) / Math.PI) - 700)).toBeLessThan(12)
  const { at } = await toPixels(answer!.cutout)
  expect([at(1500 - 680, 1000)[3], at(1500 - 720, 1000)[3]]).toEqual([255, 0])
})

test('a picture that is to be turned is cut upright', async () => {
  const [answer] = await cut(await drawDisc(240, 180, 50).jpeg().withMetadata({ orientation: 6 }).toBuffer())
  expect(answer).toMatchObject({ width: 180, height: 240 })
})

test('one colour alone is all background', async () => {
  const blank = sharp({ create: { width: 64, height: 48, channels: 3, background: '#a33' } })
  expect(await cut(await blank.png().toBuffer())).toMatchObject([{ ratio: 0, width: 64, height: 48 }])
})

const jpeg = await drawDisc(240, 180, 50).jpeg().toBuffer()
test.for([
  { why: 'cut off', file: jpeg.subarray(0, 2000), message: /^the picture cannot be decoded: .*premature end of JPEG/ },
  {
    why: 'BMP, which the decoder does not know',
    file: Buffer.from('BM and more'),
    message: /^the picture cannot be decoded: .*unsupported/,
  },
  { why: 'small', file: await drawDisc(40, 15, 5).png().toBuffer(), message: /has 40 × 15 pixels; a side needs at least 16/ },
  { why: 'long', file: await drawDisc(400, 20, 5).png().toBuffer(), message: /400 × 20 pixels; the longer side may be at most 16 times/ },
  { why: 'a bomb', file: await bomb(), message: /has 20000 × 20000 pixels; at most 25 million can be cut/ },
])('a picture that cannot be cut is refused by what is wrong with it: $why', async ({ file, message }) => {
  await expect(cut(file)).rejects.toMatchObject({ code: 'MW_INPUT_UNFIT', message: expect.stringMatching(message) })
  expect(await cut(jpeg)).toMatchObject([{ width: 240, height: 180 }]) // Others go on.
})

test('no bytes at all are refused too', () => expect(readPicture(new Uint8Array())).rejects.toMatchObject({ code: 'MW_INPUT_UNFIT' }))

/** A file of a kilobyte for each megabyte it unfolds to. */
function bomb(): Promise<Buffer> {
  const create = { width: 20_000, height: 20_000, channels: 3, background: '#000' } as const
  return sharp({ create, limitInputPixels: false }).png().toBuffer()
}

test('the same picture is cut the same way each time, and pictures sent together as if alone', async () => {
  const other = await drawDisc(200, 300, 70).png().toBuffer()
  const [[first], [second]] = [await cut(jpeg), await cut(other)]
  expect(await cut(other, jpeg)).toEqual([second, first])
})

test('its files agree with each other', async () => {
  const { dependencies } = JSON.parse(await read('package.json'))
  expect(info.dependencies).toEqual(dependencies)
  expect(await read('rules/cutout.yml')).toBe(toRuleFile(schema))
  const types = 'src/sources/serving/runtimes/typescript/predictor.ts'
  expect(existsSync(join(example, '../..', types))).toBe(true)
  expect(await read('models/cutout/revisions/v1/predictor-types.ts')).toBe(await read(`../../${types}`))
})
