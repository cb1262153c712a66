import { endianness } from 'node:os'

/**
 * How samples lie in a record. Each one begins with a control byte that says how its three parts are written:
 *
 * ```text
 * bits  part   meaning
 * 0-2   value  0 no byte (+0), k ≥ 1: its highest k+1 bytes follow; the bytes behind them are zero
 * 3-5   ref    0..5 added to the ref before; 6 varint added; 7 varint taken away
 * 6-7   time   0 same as before; 1 one step later; 2 zigzag varint of the distance, which becomes the step; 3 float64
 * ```
 *
 * In this order: control byte, ref, time, value. Both "one time, many series" (a scrape) and "one series, many times" (remote write) come to one
 * byte beside the value, and a counter below a million takes four bytes in place of eight. Ref, time and step begin at 0 in each record.
 */
export const VALUE_BITS = 0b111
export const REF_SHIFT = 3
export const REF_STEP_MAX = 5
export const REF_FORWARD = 6
export const REF_BACK = 7
export const TIME_SHIFT = 6
export const TIME_STEP = 1
export const TIME_DISTANCE = 2
export const TIME_WHOLE = 3

/** Control byte, varint of a ref, whole time, whole value; a writer may put eight bytes where fewer count, so readers and writers keep this much room. */
export const SAMPLE_BYTES_MAX = 1 + 5 + 8 + 8

/** Where the low and the high word of a float64 stand in memory. */
export const LOW_WORD = endianness() === 'LE' ? 0 : 1
export const HIGH_WORD = 1 - LOW_WORD
