import { findForeground } from './grab-cut.ts'
import { type Picture, readPicture, writeCutout } from './pictures.ts'
import type { Predictor } from './predictor-types.ts'

/**
 * Removes the background of pictures. Each thread has a predictor of its own, and asks it for one batch at a time.
 * A picture that cannot be cut fails its batch with MW_INPUT_UNFIT; whoever sent it is told why, the others are tried again without it.
 */
export default {
  async load() {
    await cutOut(madeUpPicture()) // The first is the slowest.
  },

  async predict(batch) {
    const answers = []
    for (const { picture } of batch.toRows()) answers.push(await cutOut(await readPicture(picture)))
    return answers
  },
} satisfies Predictor

async function cutOut(picture: Picture) {
  const mask = await findForeground(picture)
  const { png, foregroundRatio } = await writeCutout(picture, mask)
  return { cutout: png, foreground_ratio: foregroundRatio, width: picture.width, height: picture.height }
}

/** A light square on dark ground. */
function madeUpPicture(): Picture {
  const side = 64
  const pixels = Buffer.alloc(side * side * 4, 255)
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)]
    const inside = Math.max(Math.abs(x - side / 2), Math.abs(y - side / 2)) < side / 4
    pixels.fill((inside ? 200 : 20) + ((x * 7 + y * 13) % 16), i * 4, i * 4 + 3)
  }
  return { pixels, width: side, height: side }
}
