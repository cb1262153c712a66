import { setFlagsFromString } from 'node:v8'

/**
 * What the plane allocates lies outside of the JavaScript heap for the most part: columns, and what is read from sockets. V8 lets go of such memory when
 * it cleans the heap around it, which it does the more seldom the larger that may grow. So the young generation stays small, and the old one is
 * cleaned whenever it has grown by 60 %. What that gives and takes: docs/benchmarks.md.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=60')
}

/**
 * A gateway's heap is small, some 20 MB, and what is in flight passes through its old generation. Left to itself V8 at times cleans that ten times a
 * second, which takes a tenth of the throughput and triples the slowest answers. So it is cleaned when it has trebled.
 *
 * The young generation shrinks to a megabyte while nobody asks, and grows by doubling, over a second of full load: so long V8 cleans it at every turn, and a
 * burst finds a gateway that is a tenth slower. By sixteen, it is grown after some milliseconds.
 */
export function letHeapGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=16')
  setFlagsFromString('--heap-growing-percent=200')
}
