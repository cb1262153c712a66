import { cv, type Keep, withMats } from './opencv.ts'
import { type Mask, type Picture, toSmallRgb } from './pictures.ts'

/** Longer side of what is cut. The time grows faster than the pixels, and at 256 a photograph takes half a second. */
const CUT_SIDE_MAX = 256
/** Longer side at which the edge is drawn: along it alone, which is quick. */
const EDGE_SIDE_MAX = 512
/** Share of width and height around the edges of a picture that is background for sure. */
const MARGIN_RATIO = 0.05
const ITERATIONS = 5

/**
 * Tells the foreground of a picture from its background by grabCut, which learns the colours of both, beginning with what is near the edges of the picture,
 * and cuts between them where neighbours differ most.
 * @returns a mask at most as large as the picture.
 * @see Rother, Kolmogorov, Blake (2004), "GrabCut": interactive foreground extraction using iterated graph cuts, ACM Transactions on Graphics 23(3).
 */
export async function findForeground(picture: Picture): Promise<Mask> {
  const coarse = await toSmallRgb(picture, CUT_SIDE_MAX)
  const fine = await toSmallRgb(picture, EDGE_SIDE_MAX)
  return { values: withMats((keep) => cut(coarse, fine, keep)), width: fine.width, height: fine.height }
}

function cut(coarse: Picture, fine: Picture, keep: Keep): Buffer {
  const backgroundModel = keep(new cv.Mat())
  const foregroundModel = keep(new cv.Mat())
  const mask = keep(new cv.Mat())
  cv.setRNGSeed(1) // The same picture is cut the same way, whatever came before.
  cv.grabCut(toMat(coarse, keep), mask, innerRect(coarse), backgroundModel, foregroundModel, ITERATIONS, cv.GC_INIT_WITH_RECT)

  const edge = keep(toEdgeMask(mask, coarse, fine, keep))
  cv.grabCut(toMat(fine, keep), edge, innerRect(fine), backgroundModel, foregroundModel, 1, cv.GC_EVAL)
  return Buffer.from(edge.data.map(toOpacity))
}

const toMat = ({ pixels, width, height }: Picture, keep: Keep) => keep(cv.matFromArray(height, width, cv.CV_8UC3, pixels as never))

function innerRect({ width, height }: Picture) {
  const [x, y] = [Math.ceil(width * MARGIN_RATIO), Math.ceil(height * MARGIN_RATIO)]
  return new cv.Rect(x, y, width - 2 * x, height - 2 * y)
}

const isForeground = (value: number) => value === cv.GC_FGD || value === cv.GC_PR_FGD
const toOpacity = (value: number) => (isForeground(value) ? 255 : 0)

/** The mask at a finer size: certain of everything but a band along its edge, one pixel of the coarse mask to each side. */
function toEdgeMask(mask: InstanceType<typeof cv.Mat>, coarse: Picture, fine: Picture, keep: Keep) {
  const opacity = keep(cv.matFromArray(coarse.height, coarse.width, cv.CV_8UC1, mask.data.map(toOpacity) as never))
  const scaled = keep(new cv.Mat())
  cv.resize(opacity, scaled, new cv.Size(fine.width, fine.height), 0, 0, cv.INTER_NEAREST)
  const reach = 2 * Math.ceil((1.5 * fine.width) / coarse.width) + 1
  const around = keep(cv.getStructuringElement(cv.MORPH_RECT, new cv.Size(reach, reach)))
  const [inner, outer] = [keep(new cv.Mat()), keep(new cv.Mat())]
  cv.erode(scaled, inner, around)
  cv.dilate(scaled, outer, around)
  const values = scaled.data.map((value, i) => {
    if (inner.data[i] !== 0) return cv.GC_FGD
    if (outer.data[i] === 0) return cv.GC_BGD
    return value === 0 ? cv.GC_PR_BGD : cv.GC_PR_FGD
  })
  return cv.matFromArray(fine.height, fine.width, cv.CV_8UC1, values as never)
}
