import type { Tone } from '../verdict.ts'

/** A shape per tone, so that colour never speaks alone: tick, triangle, cross in an octagon, three dots. */
export function ToneIcon({ tone, size = 20 }: { readonly tone: Tone; readonly size?: number }) {
  return (
    <svg class={`tone-icon tone-${tone}`} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      {shapes[tone]}
    </svg>
  )
}

const shapes: Readonly<Record<Tone, preact.JSX.Element>> = {
  good: (
    <>
      <circle cx="12" cy="12" r="11" class="shape" />
      <path d="M6.500 12.500l3.800 3.800 7.200-8.300" class="glyph" />
    </>
  ),
  warn: (
    <>
      <path d="M12 1.800L23.200 21.500H0.800z" class="shape" stroke-linejoin="round" />
      <path d="M12 8.500v6M12 17.800v.4" class="glyph" />
    </>
  ),
  bad: (
    <>
      <path d="M7.400 1h9.200L23 7.400v9.200L16.600 23H7.400L1 16.600V7.400z" class="shape" />
      <path d="M8 8l8 8M16 8l-8 8" class="glyph" />
    </>
  ),
  idle: (
    <>
      <circle cx="12" cy="12" r="11" class="shape" />
      <path d="M6.800 12v.01M12 12v.01M17.200 12v.01" class="glyph" />
    </>
  ),
}

const paths = {
  sun: 'M12 4V2m0 20v-2m8-8h2M2 12h2m13.700-5.700l1.400-1.400M4.900 19.100l1.400-1.400m11.400 0l1.400 1.400M4.900 4.900l1.400 1.400M12 16.500a4.500 4.500 0 100-9 4.500 4.500 0 000 9z',
  moon: 'M20 14.500A8.500 8.500 0 019.500 4a8.500 8.500 0 1010.500 10.500z',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4.500v15l12.500-7.500z',
  back: 'M15 5l-7 7 7 7',
  forward: 'M9 5l7 7-7 7',
  out: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  down: 'M6 9l6 6 6-6',
} as const

export function Icon({ name }: { readonly name: keyof typeof paths }) {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
