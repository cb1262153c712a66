import { MS_PER_SECOND } from '../../../../core/time.ts'
import type { Column, Columns } from '../../../../watch/index.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import type { AskOptions, Predicted } from '../contract.ts'
import { modelErrors } from '../errors.ts'
import { refusalOf } from './admission.ts'
import { checkAnswer, deliver } from './answers.ts'
import { concatRows } from './columns.ts'
import { CostModel } from './cost-model.ts'
import { Deadlines } from './deadlines.ts'
import { batchingErrors } from './errors.ts'
import { type EventLoop, realEventLoop } from './event-loop.ts'
import { Gatherer } from './gatherer.ts'
import { bindBatchMetrics, type DispatchReason, type MetricSink, type ShedReason } from './metrics.ts'
import { RequestQueue, rowsOf, type Segment, type WaitingRequest } from './request-queue.ts'
import { isLoss, LOSSES_MAX, planRetry, toRefusal } from './retries.ts'
import { ReturningClients } from './returning-clients.ts'
import { WaitEstimate } from './wait-estimate.ts'
import { callsWorth, isWorthWaiting, leavesTimeUntilMs, returnWindowMs, rowsWorth } from './wait-policy.ts'

export interface BatcherOptions {
  /** Most rows of one call; larger requests are cut. */
  readonly batchRowsMax: number
  /** Most rows that wait; further requests are refused. */
  readonly rowsWaitingMax: number
  /** Longest wait for others to share a call; 0: never. */
  readonly batchWaitMaxMs: number
  /** Longest expected wait for the model with which a request is still let in. */
  readonly waitMaxMs: number
}

/** Rows for one call. A batch that is tried again shares with its kin what they may still cost. */
interface Batch {
  readonly segments: readonly Segment[]
  readonly kin: { lossesLeft: number } | undefined
}

/**
 * Lets requests that wait at the same time share calls of the model, where that answers them sooner or answers more of them. A batch is
 * what has gathered while the calls before it ran, and then until a turn of the event loop brings no more; where calls are expensive also
 * until the clients that were just answered are back, within bounds. First come, first served; a request's rows stay in order. A batch
 * that fails is split, so that a bad row fails alone. Where that must not be, for the model may not see a row twice, calls are not shared.
 *
 * ```text
 * predict ─▶ refusalOf ─▶ queue ─▶ gatherer ─▶ take ─▶ up to `concurrency` calls ─▶ deliver
 *                                     ▲                          │ failed
 *                                     └──── halves, singles ◀────┘
 * ```
 */
export class Batcher {
  readonly #model: LoadedModel
  /** Whether requests share calls. */
  readonly #isShared: boolean
  readonly #options: BatcherOptions
  readonly #loop: EventLoop
  readonly #cost = new CostModel()
  readonly #estimate = new WaitEstimate()
  readonly #returning = new ReturningClients()
  readonly #queue: RequestQueue
  readonly #gatherer: Gatherer
  readonly #deadlines: Deadlines<WaitingRequest>
  readonly #metrics: ReturnType<typeof bindBatchMetrics>
  /** Parts of batches that failed; they go before anything that waits. No more than the calls under way had. */
  #retries: Batch[] = []
  #callsUnderWay = 0
  /** Sum of the times at which the calls under way are expected to end. */
  #endsMs = 0
  /** Since when a call could have begun. */
  #freeMs: number
  /** A deadline sent the batch before those were back that it would have waited for. */
  #isCutShort = false
  #isClosed = false
  #whenIdle: (() => void)[] = []

  constructor(
    model: LoadedModel,
    of: { model: string; revision: string },
    sink: MetricSink,
    options: BatcherOptions,
    loop: EventLoop = realEventLoop,
  ) {
    this.#model = model
    this.#isShared = model.repeatable !== false
    this.#options = options
    this.#loop = loop
    this.#queue = new RequestQueue(options.batchRowsMax)
    this.#gatherer = new Gatherer(loop, {
      rows: () => this.#queue.rows,
      isReady: () => this.#isClosed || !this.#isShared || this.#retries.length > 0 || this.#queue.rows >= this.#rowsWorth(),
      waitMs: () => this.#waitMs(),
      onGathered: () => this.#send(),
    })
    this.#deadlines = new Deadlines(loop, (passed) => this.#expire(passed))
    this.#freeMs = loop.now()
    this.#metrics = bindBatchMetrics(sink, of, {
      rowsWaiting: () => this.#queue.rows,
      expectedWaitMs: () => this.expectedWaitMs(),
      cost: this.#cost,
    })
  }

  /**
   * @throws MW_GATEWAY_BUSY, with `retryAfterMs`, when too many rows wait or it would wait too long; MW_DEADLINE_EXCEEDED when its time
   *   is up, wherever its rows are; MW_PREDICTION_CANCELLED; MW_GATEWAY_STOPPING after close; MW_MODEL_FAILED and what the runtime throws
   *   when the model fails on these rows.
   */
  predict(columns: Columns, options?: AskOptions): Promise<Predicted> {
    if (this.#isClosed) return Promise.reject(modelErrors.MW_GATEWAY_STOPPING('the model is being taken out of service'))
    const { rows } = columns
    const deadlineMs = options?.deadlineMs
    const arrivedMs = this.#loop.now()
    const aheadMs = this.#aheadMs(arrivedMs)
    const waitMs = this.#estimate.toWaitMs(aheadMs)
    const rowsBeside = this.#isShared ? Math.min(this.#queue.rows, this.#rowsWorth()) : 0
    const callMs = this.#cost.callMs(Math.max(rows, rowsBeside)) // With those it will share it with.
    const { rowsWaitingMax, waitMaxMs } = this.#options
    const limits = { rowsWaitingMax, waitMaxMs: options?.isPatient === true ? Number.POSITIVE_INFINITY : waitMaxMs }
    const rowsWaiting = this.#queue.rows
    const joinsNextCall = this.#isShared && rowsWaiting + rows < this.#rowsWorth()
    const refusal = refusalOf({ rows, deadlineMs, nowMs: arrivedMs, rowsWaiting, waitMs, callMs, joinsNextCall }, limits)
    if (refusal !== undefined) {
      this.#metrics.shed[refusal.reason].add()
      return Promise.reject(refusal.error)
    }
    return new Promise((resolve, reject) => {
      const request: WaitingRequest = {
        columns,
        deadlineMs,
        signal: options?.signal,
        arrivedMs,
        aheadMs,
        resolve,
        reject,
        isSettled: false,
        rowsSent: 0,
        rowsDone: 0,
        sentMs: Number.NaN,
        queueMs: 0,
        batchMs: 0,
        pieces: undefined,
      }
      this.#queue.push(request)
      this.#deadlines.add(request)
      this.#returning.arrived(arrivedMs)
      if (this.#gatherer.isWaiting) this.#reconsider(request)
      else this.#gather()
    })
  }

  /** How long a request that came now would wait for its call. */
  expectedWaitMs(): number {
    return this.#estimate.toWaitMs(this.#aheadMs(this.#loop.now()))
  }

  /** Takes no more rows, and waits for those it has. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#gatherer.isWaiting) this.#gatherer.endWait()
    const isIdle = this.#gatherer.isIdle && this.#callsUnderWay === 0 && this.#queue.rows === 0
    if (!isIdle) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Begins to gather the next batch, when there is something to send and a call is free. */
  #gather(): void {
    if (this.#callsUnderWay >= this.#model.concurrency) return
    if (this.#queue.rows > 0 || this.#retries.length > 0) this.#gatherer.begin()
    else if (this.#callsUnderWay === 0 && this.#gatherer.isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** How long returning clients should be waited for. */
  #waitMs(): number {
    // Where other calls are free too, whoever comes next has nobody to wait for.
    if (this.#callsUnderWay !== this.#model.concurrency - 1 || this.#queue.rows >= this.#rowsWorth()) return 0
    const nowMs = this.#loop.now()
    const { requests: returning, untilMs } = this.#returning.expected(nowMs)
    if (returning === 0) return 0
    const callMs = this.#cost.callMs(this.#queue.rows)
    let requests = 0
    let latestMs = untilMs
    for (const { deadlineMs } of this.#queue.waiting()) {
      requests++
      if (deadlineMs !== undefined) latestMs = Math.min(latestMs, leavesTimeUntilMs(deadlineMs, callMs))
    }
    if (!isWorthWaiting({ requests, returning, leftMs: untilMs - nowMs, callMs })) return 0
    this.#isCutShort = latestMs < untilMs
    return Math.max(0, Math.floor(latestMs - nowMs))
  }

  /** While others are waited for, one has come. */
  #reconsider({ arrivedMs, deadlineMs }: WaitingRequest): void {
    const { requests, untilMs } = this.#returning.expected(arrivedMs)
    if (deadlineMs !== undefined && leavesTimeUntilMs(deadlineMs, this.#cost.callMs(this.#queue.rows)) < untilMs) this.#isCutShort = true
    if (this.#isCutShort || requests === 0 || this.#queue.rows >= this.#rowsWorth()) this.#gatherer.endWait()
  }

  #rowsWorth(): number {
    return rowsWorth(this.#cost, this.#options.batchRowsMax)
  }

  /** What the next call should hold. */
  #rowsPerCall(): number {
    if (!this.#isShared) return 1 // That is, one request: `take` cuts none for it.
    const { rows } = this.#queue
    const spread = callsWorth(this.#cost, rows, this.#model.concurrency - this.#callsUnderWay)
    return Math.min(this.#rowsWorth(), Math.max(1, Math.ceil(rows / spread)))
  }

  /** Sends the next batch, and looks for the one after it. */
  #send(): void {
    const retry = this.#retries.shift()
    const batch = retry ?? { segments: this.#queue.take(this.#rowsPerCall(), this.#isWanted), kin: undefined }
    if (batch.segments.length > 0) {
      const rows = rowsOf(batch.segments)
      this.#callsUnderWay++
      this.#metrics.rows.observe(rows)
      this.#metrics.batches[retry === undefined ? this.#reasonOf(batch.segments, rows) : 'retried'].add()
      void this.#call(batch, rows)
    }
    this.#isCutShort = false
    this.#gather()
  }

  /** Whether a request is still to be computed; one that is not has been told. */
  readonly #isWanted = (request: WaitingRequest): boolean => {
    if (request.isSettled) return false
    if (request.signal?.aborted === true) this.#drop(request, 'cancelled')
    else if (request.deadlineMs !== undefined && this.#isHopeless(request.deadlineMs, request.arrivedMs)) this.#drop(request, 'expired')
    return !request.isSettled
  }

  /**
   * Whether an answer would come too late. Where not all who wait have room in the next call, it is for those who can still be answered
   * in time, or a gateway that is late would answer everybody too late. Who has not waited is tried: the model may have become faster.
   */
  #isHopeless(deadlineMs: number, arrivedMs: number): boolean {
    const nowMs = this.#loop.now()
    if (deadlineMs <= nowMs) return true
    if (arrivedMs >= this.#freeMs || this.#queue.rows <= this.#rowsWorth()) return false
    return leavesTimeUntilMs(deadlineMs, this.#cost.callMs(this.#rowsPerCall())) <= nowMs
  }

  #reasonOf(segments: readonly Segment[], rows: number): DispatchReason {
    if (rows > 1 && rows >= this.#rowsWorth()) return 'full'
    if (this.#isClosed) return 'drained'
    if (this.#isCutShort) return 'deadline'
    return segments.length === 1 ? 'alone' : 'gathered'
  }

  async #call(batch: Batch, rows: number): Promise<void> {
    const { segments } = batch
    const startMs = this.#loop.now()
    const endMs = startMs + this.#cost.callMs(rows)
    this.#endsMs += endMs
    const deadlineMs = this.#begin(segments, startMs)
    let outputs: readonly Column[] | undefined
    let fault: unknown
    try {
      outputs = checkAnswer(await this.#model.predict(concatRows(segments), deadlineMs === undefined ? undefined : { deadlineMs }), rows)
    } catch (error) {
      fault = error
    }
    const nowMs = this.#loop.now()
    this.#ended(endMs, nowMs)
    if (outputs === undefined) this.#failed(batch, fault)
    else {
      if (rows > 0) this.#cost.observe(rows, nowMs - startMs)
      const answered = deliver(segments, outputs, rows, (request, own) => this.#answer(request, own, nowMs))
      const windowMs = returnWindowMs(this.#cost.fixedMs, this.#options.batchWaitMaxMs)
      if (windowMs > 0 && answered > 0) this.#returning.answered(answered, nowMs, windowMs)
    }
    this.#gather()
  }

  /** Notes when the requests' waiting ended. @returns when the answer of the call is of no use to any of them; undefined: never. */
  #begin(segments: readonly Segment[], startMs: number): number | undefined {
    let latestMs: number | undefined = Number.NEGATIVE_INFINITY
    let isFirstSeen = false
    for (const { request } of segments) {
      const { deadlineMs } = request
      latestMs = deadlineMs === undefined || latestMs === undefined ? undefined : Math.max(latestMs, deadlineMs)
      if (!Number.isNaN(request.sentMs)) continue // A later piece, or another try.
      request.sentMs = startMs
      request.queueMs = Math.max(0, this.#freeMs - request.arrivedMs)
      request.batchMs = startMs - request.arrivedMs - request.queueMs
      if (!isFirstSeen) {
        isFirstSeen = true // The one that waited longest; the others say the same.
        this.#estimate.observe(request.aheadMs, startMs - request.arrivedMs)
      }
      this.#metrics.queue.observe(request.queueMs / MS_PER_SECOND)
      this.#metrics.batch.observe(request.batchMs / MS_PER_SECOND)
    }
    return latestMs
  }

  #ended(endMs: number, nowMs: number): void {
    if (this.#callsUnderWay >= this.#model.concurrency) this.#freeMs = nowMs
    this.#callsUnderWay--
    this.#endsMs = this.#callsUnderWay === 0 ? 0 : this.#endsMs - endMs
  }

  #answer(request: WaitingRequest, outputs: readonly Column[], nowMs: number): void {
    const computeMs = nowMs - request.sentMs
    this.#metrics.compute.observe(computeMs / MS_PER_SECOND)
    this.#settle(request)
    request.resolve({ outputs, queueMs: request.queueMs, batchMs: request.batchMs, computeMs })
  }

  #refuse(request: WaitingRequest, error: unknown): void {
    if (request.isSettled) return
    this.#settle(request)
    request.reject(error)
  }

  #settle(request: WaitingRequest): void {
    request.isSettled = true
    this.#deadlines.delete(request)
  }

  #drop(request: WaitingRequest, reason: Extract<ShedReason, 'expired' | 'cancelled'>): void {
    if (Number.isNaN(request.sentMs)) this.#metrics.shed[reason].add()
    const waitedMs = Math.round(this.#loop.now() - request.arrivedMs)
    const { MW_DEADLINE_EXCEEDED, MW_PREDICTION_CANCELLED } = batchingErrors
    const error =
      reason === 'expired'
        ? MW_DEADLINE_EXCEEDED(`no answer within ${waitedMs} ms`)
        : MW_PREDICTION_CANCELLED(`cancelled after ${waitedMs} ms`)
    this.#refuse(request, error)
  }

  /** Deadlines that pass are told at once, whether the request waits or is in the model, which may take as long as it likes. */
  #expire(passed: readonly WaitingRequest[]): void {
    for (const request of passed) this.#drop(request, 'expired')
    this.#queue.sweep()
    this.#gather() // Nothing may be left, and somebody wait for that.
  }

  #failed({ segments, kin }: Batch, error: unknown): void {
    const open = segments.filter(({ request }) => this.#isWanted(request))
    const plan = planRetry(error, open.length) // Of one request alone, and so always where calls are not shared: refuse.
    if (plan === 'halve') {
      const half = Math.ceil(open.length / 2)
      this.#retries.unshift({ segments: open.slice(0, half), kin }, { segments: open.slice(half), kin })
    } else if (plan === 'isolate') {
      const shared = kin ?? { lossesLeft: LOSSES_MAX }
      this.#retries.unshift(...open.map((segment) => ({ segments: [segment], kin: shared })))
    } else {
      for (const { request } of open) this.#refuse(request, toRefusal(error))
      if (kin !== undefined && isLoss(error) && --kin.lossesLeft <= 0) this.#giveUp(kin, error)
    }
  }

  /** A model that fails on whatever it is given does not get each request of a batch by itself. */
  #giveUp(kin: Batch['kin'], error: unknown): void {
    const isKin = (batch: Batch) => batch.kin === kin
    for (const { segments } of this.#retries.filter(isKin)) for (const { request } of segments) this.#refuse(request, toRefusal(error))
    this.#retries = this.#retries.filter((batch) => !isKin(batch))
  }

  /** What is ahead, as far as its cost is known: the rest of the calls under way, and those that the waiting rows will need. */
  #aheadMs(nowMs: number): number {
    const { rows } = this.#queue
    const { concurrency } = this.#model
    if (rows === 0 && this.#callsUnderWay < concurrency) return 0
    const restMs = Math.max(0, this.#endsMs - this.#callsUnderWay * nowMs)
    const calls = this.#isShared ? Math.ceil(rows / this.#rowsWorth()) : this.#queue.requests
    return (restMs + calls * this.#cost.fixedMs + rows * this.#cost.rowMs) / Math.max(1, concurrency)
  }
}
