interface Props {
  /** What it shows, in words, for those who do not see it. */
  readonly description: string
  readonly values: readonly (number | null)[]
  readonly height: number
  /** The scale reaches at least this far, so that noise around nothing looks like nothing. */
  readonly atLeast: number
  readonly tone?: 'bad'
}

/** A line over the picture's time and no more: the figure beside it says how much. */
export function Spark({ description, values, height, atLeast, tone }: Props) {
  const top = Math.max(atLeast, ...values.map((value) => value ?? 0))
  const path = toPath(values, (value) => height - 2 - (value / top) * (height - 4))
  return (
    <svg class="small-spark" width="100%" height={height} role="img" aria-label={description}>
      <title>{description}</title>
      <line class="base" x1="0" x2="100%" y1={height - 0.5} y2={height - 0.5} />
      <svg
        width="100%"
        height={height}
        viewBox={`0 0 ${Math.max(1, values.length - 1)} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path class={tone} d={path} vector-effect="non-scaling-stroke" />
      </svg>
    </svg>
  )
}

/** A gap in the figures is a gap in the line; a lone point is drawn as a short dash. */
export function toPath(values: readonly (number | null)[], y: (value: number) => number): string {
  let path = ''
  let joined = false
  values.forEach((value, i) => {
    if (value === null) {
      joined = false
      return
    }
    path += `${joined ? 'L' : 'M'}${i} ${y(value).toFixed(1)}${joined ? '' : 'h0.01'}`
    joined = true
  })
  return path
}
