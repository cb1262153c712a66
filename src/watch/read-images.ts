import { createFeatureReader, type FeatureReader } from './feature-reader.ts'
import type { Findings } from './findings.ts'
import type { Feature } from './schema.ts'

const noBytes = new Uint8Array(0)

/**
 * Reads a picture of each row: its file in base64, bare or as a data URL. A file is known by its first bytes; whether the rest is whole,
 * the model finds out. Where there is none stands one of no bytes.
 */
export function compileImageReader({ name }: Feature, f: number): FeatureReader {
  return createFeatureReader<Uint8Array[]>(name, f, {
    empty: (rows) => new Array<Uint8Array>(rows).fill(noBytes),
    take(value, r, column, found) {
      if (value === '') {
        found.invalid(r, f, () => 'must be a picture, got an empty string', value)
        return true
      }
      const bytes = value instanceof Uint8Array ? value : typeof value === 'string' ? fromText(value) : undefined
      if (bytes === undefined) return false
      if (isPicture(bytes)) column[r] = bytes
      else breakPicture(found, r, f, bytes)
      return true
    },
  })
}

const fromText = (text: string) => fromBase64(text.startsWith('data:') ? afterDataUrl(text) : text)

function breakPicture(found: Findings, r: number, f: number, bytes: Uint8Array): void {
  const what = 'must be a picture (PNG, JPEG, WebP, GIF, BMP or TIFF)'
  found.invalid(r, f, () => `${what}, got ${bytes.length} bytes that begin ${hexOf(bytes)}`, bytes)
}

/** The longest head of a data URL: a media type and its parameters. */
const DATA_HEAD_MAX = 128

/** What stands behind `data:image/png;base64,`; text that is no base64 where the head is another. */
function afterDataUrl(url: string): string {
  const comma = url.slice(0, DATA_HEAD_MAX).indexOf(',')
  return comma > 0 && /;base64$/i.test(url.slice(0, comma)) ? url.slice(comma + 1) : '!'
}

/** Bytes in a buffer of their own; undefined where the text is not base64 with its padding, or is empty. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length % 4 !== 0 || text.includes('-') || text.includes('_')) return undefined
  const bytes = Buffer.from(text, 'base64') // Passes over what is no base64: then bytes are missing.
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (bytes.length !== (text.length / 4) * 3 - padding) return undefined
  // Small ones share a pool with other requests, which nobody else may see, and which no thread could be given.
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : Uint8Array.from(bytes)
}

/** First bytes of each format; undefined is any byte. */
const beginnings: readonly (readonly (number | undefined)[])[] = [
  [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], // PNG
  [0xff, 0xd8, 0xff], // JPEG
  [...bytesOf('RIFF'), undefined, undefined, undefined, undefined, ...bytesOf('WEBP')],
  bytesOf('GIF87a'),
  bytesOf('GIF89a'),
  bytesOf('BM'), // BMP
  [...bytesOf('II'), 42, 0], // TIFF, low byte first
  [...bytesOf('MM'), 0, 42], // TIFF, high byte first
]

/** Whether bytes begin as the file of a picture does. */
export function isPicture(bytes: Uint8Array): boolean {
  return beginnings.some(
    (beginning) => bytes.length > beginning.length && beginning.every((byte, i) => byte === undefined || bytes[i] === byte),
  )
}

function bytesOf(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0))
}

const HEAD_SHOWN = 8

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, HEAD_SHOWN), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
