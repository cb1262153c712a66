import { type FileHandle, open, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../../core/errors.ts'
import { type Damage, FRAME_HEAD_BYTES, FRAME_TAIL_BYTES, FrameScanner, PAYLOAD_BYTES_MAX, type Window } from './frame.ts'
import { Pace } from './pace.ts'
import { quarantine } from './quarantine.ts'
import type { RecordReader } from './record-reader.ts'
import { READ_ROOM_BYTES } from './sample-decoder.ts'
import { headFault, SEGMENT_HEAD_BYTES, segmentName, segmentStem } from './segment.ts'

/** How much of a segment is in memory at once, unless one record is larger. */
const WINDOW_BYTES = 1024 * 1024
/** Damages of one segment that are reported each by itself; the last report speaks for all further ones. */
const DAMAGES_MAX = 100

/** A stretch of the log that could not be read. */
export interface DamageReport {
  /** Path of the segment. */
  readonly file: string
  readonly offset: number
  readonly bytes: number
  readonly reason: string
  /** Path of the copy of these bytes; undefined when there was nothing to copy, or no room for it. */
  readonly quarantinedAs: string | undefined
}

export interface WalLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SegmentReplay {
  readonly records: number
  readonly damages: readonly DamageReport[]
  /** Size of the file now: behind its last valid record, when its end was damaged and could be cut. */
  readonly sizeBytes: number
  /** Whether further records may follow the last one: the head is good, and so is the end. */
  readonly isSound: boolean
}

export interface SegmentReplayDeps {
  readonly dir: string
  readonly quarantineDir: string
  readonly log: WalLog
}

/** Reads one segment to its end, giving way to the event loop. Damage is copied to quarantine; at the end of the file it is also cut off. */
export async function replaySegment(number: number, reader: RecordReader, deps: SegmentReplayDeps): Promise<SegmentReplay> {
  const path = join(deps.dir, segmentName(number))
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    // A file that was made and never written: the power went in between.
    if (size === 0) return { records: 0, damages: [], sizeBytes: 0, isSound: false }
    const head = Buffer.alloc(Math.min(size, SEGMENT_HEAD_BYTES))
    await file.read(head, 0, head.length, 0)
    const fault = headFault(path, head, number)
    const found: Found[] = fault === undefined ? [] : [{ offset: 0, bytes: head.length, reason: fault, isFolded: false }]
    const records = await readRecords(file, size, reader, (damage) => note(found, damage))

    const damages: DamageReport[] = []
    let isSafe = true
    for (const damage of found) {
      const told = await report(damage, { file, path, number, deps })
      damages.push(told.report)
      isSafe = told.isSafe
    }
    const last = found.at(-1)
    const isTailBad = last !== undefined && last.offset + last.bytes === size
    // A folded damage covers valid records too.
    const isTailCut = isTailBad && isSafe && !last.isFolded && (await cutTail(path, last.offset, deps.log))
    return {
      records,
      damages,
      sizeBytes: isTailCut ? last.offset : size,
      isSound: fault === undefined && isTailBad === isTailCut && (last?.offset ?? size) >= SEGMENT_HEAD_BYTES,
    }
  } finally {
    await file.close()
  }
}

/** What is read from: a file, or in tests a piece of memory. */
export type Readable = Pick<FileHandle, 'read'>

/**
 * Reads the records behind the head of a segment.
 * @param size - Of the whole segment, in bytes.
 * @param windowBytes - How much is in memory at once, unless one record is larger.
 * @returns how many records were read, unknown ones included.
 */
export async function readRecords(
  file: Readable,
  size: number,
  reader: RecordReader,
  onDamage: (damage: Damage) => void,
  windowBytes = WINDOW_BYTES,
): Promise<number> {
  const window = createWindow(Math.min(size, windowBytes))
  window.offset = Math.min(size, SEGMENT_HEAD_BYTES)
  const scanner = new FrameScanner(window.offset, size)
  const pace = new Pace()
  let records = 0
  for (;;) {
    const step = scanner.next(window)
    if (step === 'end') return records
    if (step === 'damage') onDamage(scanner.damage)
    else if (step === 'more') {
      if (!(await readOn(file, window, scanner))) throw new Error(`the file became shorter than ${size} bytes while it was read`)
      pace.restart()
    } else {
      records++
      let outcome = reader.begin(scanner.type, window, scanner.payloadFrom, scanner.payloadTo)
      while (outcome === 'more') {
        if (pace.isDue()) await pace.breathe()
        outcome = reader.go(window)
      }
      if (outcome === 'bad') {
        const { recordOffset: offset } = scanner
        onDamage({ offset, bytes: scanner.position - offset, reason: `a record of type ${scanner.type} does not hold what it should` })
      }
    }
    if (pace.isDue()) await pace.breathe()
  }
}

function createWindow(capacity: number): Window {
  const bytes = new Uint8Array(capacity + READ_ROOM_BYTES)
  return { bytes, view: new DataView(bytes.buffer), offset: 0, length: 0 }
}

/** Moves the window on to where the scanner stands and fills it. */
async function readOn(file: Readable, window: Window, scanner: FrameScanner): Promise<boolean> {
  const done = scanner.position - window.offset
  const { bytes } = window
  if (scanner.neededBytes + READ_ROOM_BYTES > bytes.length) {
    const larger = createWindow(
      Math.min(Math.max(scanner.neededBytes, 2 * bytes.length), PAYLOAD_BYTES_MAX + FRAME_HEAD_BYTES + FRAME_TAIL_BYTES),
    )
    larger.bytes.set(bytes.subarray(done, window.length))
    window.bytes = larger.bytes
    window.view = larger.view
  } else {
    bytes.copyWithin(0, done, window.length)
  }
  window.offset = scanner.position
  window.length -= done
  while (window.length < scanner.neededBytes) {
    const room = window.bytes.length - READ_ROOM_BYTES - window.length
    const { bytesRead } = await file.read(window.bytes, window.length, room, window.offset + window.length)
    if (bytesRead === 0) return false
    window.length += bytesRead
  }
  return true
}

/** A damage, or one that stands for itself and all that follow. */
interface Found extends Damage {
  readonly isFolded: boolean
}

/** Remembers a damage; when there are many, the last one grows over all that follow. */
function note(found: Found[], damage: Damage): void {
  const last = found[DAMAGES_MAX - 1]
  if (last === undefined) found.push({ ...damage, isFolded: false })
  else {
    const bytes = damage.offset + damage.bytes - last.offset
    found[DAMAGES_MAX - 1] = { offset: last.offset, bytes, reason: 'damaged in many places', isFolded: true }
  }
}

/** Copies the damaged bytes and tells of them. `isSafe` says whether nothing would be lost if they were cut off. */
async function report(
  { offset, bytes, reason }: Found,
  { file, path, number, deps }: { file: FileHandle; path: string; number: number; deps: SegmentReplayDeps },
): Promise<{ report: DamageReport; isSafe: boolean }> {
  let quarantinedAs: string | undefined
  let isSafe = true
  let told = reason
  try {
    quarantinedAs = await quarantine(file, { offset, bytes }, deps.quarantineDir, `${segmentStem(number)}-at-${offset}.bad`)
    if (quarantinedAs === undefined) told = `${reason}: nothing but zeros`
  } catch (error) {
    isSafe = false
    told = `${reason}; not copied, so it stays where it is (${messageOf(error)})`
  }
  const damage: DamageReport = { file: path, offset, bytes, reason: told, quarantinedAs }
  deps.log.warn(damage, 'a part of the log is damaged; everything else of it was read')
  return { report: damage, isSafe }
}

/** Cuts damage off the end of a file, so that what follows stands behind valid records. @returns false when the file cannot be written. */
async function cutTail(path: string, sizeBytes: number, log: WalLog): Promise<boolean> {
  try {
    await truncate(path, sizeBytes)
    return true
  } catch (error) {
    log.warn({ file: path, error: messageOf(error) }, 'the damaged end of the log could not be cut off; it goes on in a new segment')
    return false
  }
}
