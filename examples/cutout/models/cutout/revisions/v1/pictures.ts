import sharp from 'sharp'

/** A picture as its pixels: red, green, blue and alpha, a byte each, row by row. */
export interface Picture {
  readonly pixels: Buffer
  readonly width: number
  readonly height: number
}

/** What of a picture stays: 0 for nothing of a pixel, 255 for all of it; a byte a pixel, row by row. It may be smaller than the picture. */
export interface Mask {
  readonly values: Buffer
  readonly width: number
  readonly height: number
}

/** A small file may unfold to any size; one picture in work takes some 10 bytes a pixel. */
const PIXELS_MAX = 25_000_000
/** Fewer pixels are too few to learn colours from, also of a long picture when it is scaled down. */
const SIDE_MIN = 16
const ASPECT_MAX = 16
/** Softens the stairs of a mask, in its pixels. */
const EDGE_BLUR = 0.8

// The threads of the model share the processors already, and no picture comes twice.
sharp.concurrency(1)
sharp.cache(false)

/** What is wrong with a picture, told to whoever sent it. */
const unfit = (message: string, cause?: unknown) => Object.assign(new Error(message, { cause }), { code: 'MW_INPUT_UNFIT' })

/**
 * Decodes the file of a picture: upright, in sRGB, of an animation the first frame.
 * @throws MW_INPUT_UNFIT for one that is broken, cut off, of a format that is not known, too large or too small.
 */
export async function readPicture(file: Uint8Array): Promise<Picture> {
  const { width, height } = await decoding(() => sharp(file, { limitInputPixels: false }).metadata())
  checkSize(width, height)
  const { data, info } = await decoding(() =>
    sharp(file, { failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  )
  return { pixels: data, width: info.width, height: info.height }
}

async function decoding<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // One line of the decoder's is enough; it repeats itself.
    throw unfit(`the picture cannot be decoded: ${(error as Error).message.split('\n', 1)[0]}`, error)
  }
}

function checkSize(width: number, height: number): void {
  const [short, long] = [Math.min(width, height), Math.max(width, height)]
  const size = `the picture has ${width} × ${height} pixels`
  if (width * height > PIXELS_MAX) throw unfit(`${size}; at most ${PIXELS_MAX / 1e6} million can be cut`)
  if (short < SIDE_MIN) throw unfit(`${size}; a side needs at least ${SIDE_MIN}`)
  if (long > short * ASPECT_MAX) throw unfit(`${size}; the longer side may be at most ${ASPECT_MAX} times the shorter`)
}

/**
 * The picture without alpha, on white where it was transparent, scaled down until its longer side is `sideMax`; never up.
 * @returns three bytes a pixel.
 */
export async function toSmallRgb({ pixels, width, height }: Picture, sideMax: number): Promise<Picture> {
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 4 } })
    .flatten({ background: '#fff' })
    .resize(sideMax, sideMax, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { pixels: data, width: info.width, height: info.height }
}

/**
 * Applies a mask, scaled up to the picture, and encodes the result. What is transparent keeps no colour: the background is gone, not hidden.
 * The picture's pixels are changed in place: a copy of a large one is a hundred megabytes.
 * @returns with the share of the picture that stayed, half transparent pixels counted by half.
 */
export async function writeCutout({ pixels, width, height }: Picture, mask: Mask): Promise<{ png: Uint8Array; foregroundRatio: number }> {
  const alpha = await sharp(mask.values, { raw: { width: mask.width, height: mask.height, channels: 1 } })
    .blur(EDGE_BLUR)
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer()
  let stayed = 0
  for (let i = 0; i < alpha.length; i++) {
    const opacity = Math.round((alpha[i]! * pixels[i * 4 + 3]!) / 255)
    if (opacity === 0) pixels[i * 4] = pixels[i * 4 + 1] = pixels[i * 4 + 2] = 0
    pixels[i * 4 + 3] = opacity
    stayed += opacity
  }
  const png = await sharp(pixels, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer()
  return { png, foregroundRatio: stayed / (255 * alpha.length) }
}
