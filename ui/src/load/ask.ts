import type { Sample, Series, TimeGrid } from '../api.ts'

/** Asks one question; what the plane refuses comes back empty and is noted elsewhere. */
export type Ask = (expr: string, timeMs?: number) => Promise<Sample[]>
export type AskRange = (expr: string, grid: TimeGrid) => Promise<Series[]>
