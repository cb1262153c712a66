import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a scripted gateway does with a request: an answer, no answer while the connection stays, or a connection that breaks. */
export type Script = { readonly status: number; readonly body: unknown } | 'hang' | 'break'

export interface LabelsBody {
  readonly labels: readonly { readonly prediction_id: string; readonly actual: Readonly<Record<string, number>> }[]
}

export const demoModel = {
  name: 'demo',
  features: [
    { name: 'wind', type: 'number' },
    { name: 'sky', type: 'category' },
  ],
  outputs: [{ name: 'warmth', kind: 'regression' }],
}

/** A gateway of a real HTTP server that does as it is told; by default it answers all, and joins every label. */
export class FakeGateway {
  /** Bodies of predictions, in the order they came. */
  readonly predictions: unknown[] = []
  readonly labelPosts: LabelsBody[] = []
  url = ''
  models: Script = { status: 200, body: { models: [demoModel] } }
  predict: (row: unknown, n: number) => Script = (_, n) => ({ status: 200, body: { prediction_id: `p${n}` } })
  labels: (body: LabelsBody, n: number) => Script = ({ labels }) => ({ status: 200, body: { outcomes: { matched: labels.length } } })
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  /** @param prefix - Path under which it is found, as behind a proxy. */
  static async start(prefix = ''): Promise<FakeGateway> {
    const gateway = new FakeGateway()
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    gateway.url = `http://127.0.0.1:${(gateway.#server.address() as AddressInfo).port}${prefix}`
    return gateway
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    const script = this.#scriptFor(request.url!.slice(new URL(this.url).pathname.replace(/\/$/, '').length), text)
    if (script === 'break') request.socket.destroy()
    else if (script !== 'hang')
      response.writeHead(script.status).end(typeof script.body === 'string' ? script.body : JSON.stringify(script.body))
  }

  #scriptFor(path: string, text: string): Script {
    if (path === '/v1/models') return this.models
    if (path === '/v1/models/demo/predict') {
      this.predictions.push(JSON.parse(text))
      return this.predict(this.predictions.at(-1), this.predictions.length)
    }
    if (path !== '/v1/models/demo/labels') return { status: 404, body: { error: `no ${path} here` } }
    this.labelPosts.push(JSON.parse(text))
    return this.labels(this.labelPosts.at(-1)!, this.labelPosts.length)
  }
}
