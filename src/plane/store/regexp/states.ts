import type { Instruction, Program } from './program.ts'
import type { Steps } from './steps.ts'
import { holds, type Neighbour, neighbourOf, noNeighbour } from './surroundings.ts'

/** Memory of the states that are remembered, in numbers of about 4 bytes. Past it all are forgotten and made again as they are needed. */
const CELLS_MAX = 1_000_000
const ASCII = 128
/** What one remembered way past ASCII takes: an entry of a map. */
const WIDE_CELLS = 8

/** All places of a program one can be at behind a piece of text: a state of a deterministic automaton. */
interface State {
  /** Instructions to go on from, sorted; what they lead to without taking a code point is followed when the next one is known. */
  readonly places: Int32Array
  /** The code point before; always the same in a program that does not look. */
  readonly before: Neighbour
  /** The states behind an ASCII code point, as far as they were needed. */
  readonly ascii: (State | undefined)[]
  wide: Map<number, State> | undefined
  /** Whether a text that ends here matches. */
  accepts: boolean | undefined
}

/**
 * Tells whether a program matches a whole text, in time linear in the text: all ways are followed at once, and what was found out
 * (from these places, by this code point, to those places) is remembered.
 */
export class StateMachine {
  readonly #program: Program
  readonly #steps: Steps
  /** In which round an instruction was seen last. */
  readonly #seen: Uint32Array
  #round = 0
  readonly #states = new Map<string, State>()
  #cells = 0
  #start: State | undefined

  constructor(program: Program, steps: Steps) {
    this.#program = program
    this.#steps = steps
    this.#seen = new Uint32Array(program.instructions.length)
  }

  test(text: string): boolean {
    this.#start ??= this.#state([this.#program.start], noNeighbour)
    let state = this.#start
    let read = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!
      if (code > 0xffff) i++
      read++
      state = (code < ASCII ? state.ascii[code] : state.wide?.get(code)) ?? this.#step(state, code)
      if (state.places.length === 0) break
    }
    this.#steps.charge(read)
    state.accepts ??= this.#accepts(state)
    return state.accepts
  }

  #step(from: State, code: number): State {
    const places: number[] = []
    this.#round++
    const after = this.#program.hasAssertions ? neighbourOf(code) : noNeighbour
    this.#follow(from, after, (instruction) => {
      const taken = instruction.kind === 'literal' ? instruction.code === code : instruction.kind === 'set' && instruction.set.has(code)
      if (taken && 'next' in instruction) places.push(instruction.next)
    })
    const to = this.#state(places, after)
    if (code < ASCII) from.ascii[code] = to
    else {
      from.wide ??= new Map()
      from.wide.set(code, to)
      this.#cells += WIDE_CELLS
    }
    return to
  }

  #accepts(state: State): boolean {
    let accepts = false
    this.#round++
    this.#follow(state, noNeighbour, (instruction) => {
      if (instruction.kind === 'end') accepts = true
    })
    return accepts
  }

  /** Shows every instruction that can be come to without taking a code point. */
  #follow(from: State, after: Neighbour, show: (instruction: Instruction) => void): void {
    const { instructions } = this.#program
    const todo = Array.from(from.places)
    let steps = 0
    while (todo.length > 0) {
      const at = todo.pop()!
      if (this.#seen[at] === this.#round) continue
      this.#seen[at] = this.#round
      steps++
      const instruction = instructions[at]!
      if (instruction.kind === 'split') todo.push(instruction.other, instruction.next)
      else if (instruction.kind === 'save') todo.push(instruction.next)
      else if (instruction.kind === 'assert') {
        if (holds(instruction.assertion, from.before, after)) todo.push(instruction.next)
      } else show(instruction)
    }
    this.#steps.charge(steps)
  }

  #state(places: readonly number[], before: Neighbour): State {
    const sorted = Int32Array.from(new Set(places)).sort()
    const key = `${before}:${sorted.join()}`
    const known = this.#states.get(key)
    if (known !== undefined) return known
    // To make a state takes some times longer than to look at its places once.
    this.#steps.charge(ASCII + sorted.length * 8)
    const state: State = { places: sorted, before, ascii: new Array(ASCII), wide: undefined, accepts: undefined }
    // Pointers are two numbers long; places stand in the state and in its key.
    this.#cells += ASCII * 2 + sorted.length * 3
    if (this.#cells > CELLS_MAX) this.#forget()
    this.#states.set(key, state)
    return state
  }

  /** States still lead to each other: the one in hand goes on, and with it what can be come to from it goes when the text is through. */
  #forget(): void {
    this.#states.clear()
    this.#start = undefined
    this.#cells = 0
  }
}
