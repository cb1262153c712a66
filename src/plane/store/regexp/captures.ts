import type { Program } from './program.ts'
import type { Steps } from './steps.ts'
import { holds, type Neighbour, neighbourOf, noNeighbour } from './surroundings.ts'

/** Places in the text, by slot; −1 for none. Shared between ways: copied before it is changed. */
type Slots = Int32Array

/** The ways followed at one place of the text, those to be preferred first. */
interface Ways {
  readonly at: number[]
  readonly slots: Slots[]
}

/**
 * What the groups of a program catch in a whole text: of all ways through, the one that a backtracking machine would find first.
 * Linear in the text, as all ways are followed at once (Pike's machine).
 *
 * @returns The slots, start and end of each group as UTF-16 offsets, −1 for a group that took no part; undefined when there is no match.
 * @see Cox (2009), Regular Expression Matching: the Virtual Machine Approach
 */
export function findSlots(program: Program, text: string, steps: Steps): Slots | undefined {
  const { instructions } = program
  const seen = new Int32Array(instructions.length).fill(-1)
  let ways: Ways = { at: [program.start], slots: [new Int32Array(program.slots).fill(-1)] }
  let before: Neighbour = noNeighbour
  for (let i = 0; ; ) {
    const code = text.codePointAt(i)
    const after = code === undefined ? noNeighbour : neighbourOf(code)
    const todo: Ways = { at: ways.at.reverse(), slots: ways.slots.reverse() }
    const next: Ways = { at: [], slots: [] }
    let work = 0
    while (todo.at.length > 0) {
      const at = todo.at.pop()!
      const slots = todo.slots.pop()!
      // A way that comes here later is one that would not be preferred.
      if (seen[at] === i) continue
      seen[at] = i
      work++
      const instruction = instructions[at]!
      switch (instruction.kind) {
        case 'split':
          todo.at.push(instruction.other, instruction.next)
          todo.slots.push(slots, slots)
          break
        case 'save': {
          const changed = slots.slice()
          changed[instruction.slot] = i
          work += slots.length
          todo.at.push(instruction.next)
          todo.slots.push(changed)
          break
        }
        case 'assert':
          if (!holds(instruction.assertion, before, after)) break
          todo.at.push(instruction.next)
          todo.slots.push(slots)
          break
        case 'end':
          if (code !== undefined) break
          steps.charge(work)
          return slots
        default:
          if (code === undefined || !(instruction.kind === 'literal' ? instruction.code === code : instruction.set.has(code))) break
          next.at.push(instruction.next)
          next.slots.push(slots)
      }
    }
    steps.charge(work)
    if (code === undefined || next.at.length === 0) return undefined
    before = after
    ways = next
    i += code > 0xffff ? 2 : 1
  }
}
