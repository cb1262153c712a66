import sharp from 'sharp'
import { expect, test } from 'vitest'
import { findForeground } from './models/cutout/revisions/v1/grab-cut.ts'
import { cv, withMats } from './models/cutout/revisions/v1/opencv.ts'
import { readPicture } from './models/cutout/revisions/v1/pictures.ts'

/** Where a new matrix would lie in the memory of WebAssembly: it moves up as soon as anything is not freed. */
function probe(): number {
  const mat = new cv.Mat(64, 64, cv.CV_8UC1)
  const { byteOffset } = mat.data
  mat.delete()
  return byteOffset
}

test('the memory of OpenCV does not grow from picture to picture', { timeout: 60_000 }, async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const file = await sharp({ create: { width: 320, height: 240, channels: 3, background: '#555', noise } })
    .png()
    .toBuffer()
  const picture = await readPicture(file)
  const places: number[] = []
  for (let run = 0; run < 11; run++) {
    await findForeground(picture)
    places.push(probe())
  }
  expect(new Set(places.slice(1))).toEqual(new Set([places[1]]))

  const leaked = new cv.Mat(64, 64, cv.CV_8UC1)
  expect(probe()).not.toBe(places[1]) // The probe does see what stays.
  leaked.delete()
})

test('what OpenCV throws is told in words, and nothing is left behind', () => {
  const before = probe()
  const broken = () =>
    withMats((keep) => cv.resize(keep(new cv.Mat()), keep(new cv.Mat(64, 64, cv.CV_8UC1)), new cv.Size(10, 10), 0, 0, cv.INTER_NEAREST))
  expect(broken).toThrow(/^OpenCV: .*resize/)
  expect(probe()).toBe(before)
})
