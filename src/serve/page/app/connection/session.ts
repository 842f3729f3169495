import { Client, type MethodName, type ParamsInput, type Results, ServerError } from '../../../../client/index.ts'
import type { ServiceInfo } from '../../../../protocol/methods.ts'
import { askForKey } from './dialogs.ts'
import { explanation, isCode } from './explained.ts'
import { type KeyName, storedKey, storeKey } from './keys.ts'

/** What the page is told of its connection. */
export interface SessionListeners {
  readonly onStatus: (text: string, isConnected: boolean) => void
  /** The page may begin: it is connected with another key than before, or to a server that can do other things. */
  readonly onReady: () => void
}

/** The page's connection to its server, with the keys that the person has entered. */
export class Session {
  readonly #listeners: SessionListeners
  readonly #url = new URL('v1/stream', location.href)
  #client: Client | undefined
  #admin: Client | undefined
  #info: ServiceInfo | undefined
  #user: string | undefined
  #connecting: Promise<void> | undefined

  constructor(listeners: SessionListeners) {
    this.#listeners = listeners
  }

  /** @throws Error before {@link connect} has succeeded. */
  get client(): Client {
    if (!this.#client) throw new Error('the page is not connected yet: wait a moment')
    return this.#client
  }

  get info(): ServiceInfo {
    if (!this.#info) throw new Error('the page is not connected yet: wait a moment')
    return this.#info
  }

  /** The user that the key is bound to, if it is exactly one. */
  get onlyUser(): string | undefined {
    return this.#user
  }

  has(method: string): boolean {
    return this.#info?.methods.includes(method) ?? false
  }

  can(feature: string): boolean {
    return this.#info?.features.includes(feature) ?? false
  }

  /** What the lists of the model rest on. */
  get sources(): readonly string[] {
    return this.#info?.model.sources ?? []
  }

  /** Connects, and asks for a key where the server expects one; again and again until there is a good one. */
  connect(refusal?: string): Promise<void> {
    this.#connecting ??= this.#connect(refusal).finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(refusal?: string): Promise<void> {
    let reason = refusal
    for (;;) {
      this.#client?.close()
      const client = this.#open('key')
      this.#client = client
      try {
        this.#info = await client.call('info', {})
        this.#user = storedKey('key') === undefined ? undefined : await boundUser(client)
        this.#listeners.onStatus('connected', true)
        this.#listeners.onReady()
        return
      } catch (error) {
        if (!isCode(error, 'unauthorized')) throw error
        reason = storedKey('key') === undefined ? reason : explanation(error)
        this.#listeners.onStatus('needs a key', false)
        const key = await askForKey('key', reason)
        if (key === undefined) throw error
        storeKey('key', key)
      }
    }
  }

  /** What a failed call means for the connection: asks for another key where the one at hand is not good any more. */
  note(error: unknown): void {
    if (!isCode(error, 'unauthorized') || this.#connecting) return
    this.connect(explanation(error)).catch(() => {})
  }

  /** Enters a key of the person's choice. */
  async enter(name: KeyName): Promise<void> {
    const key = await askForKey(name)
    if (key === undefined) return
    this.#use(name, key)
    await this.connect()
  }

  forgetKeys(): Promise<void> {
    this.#use('admin', undefined)
    this.#use('key', undefined)
    return this.connect()
  }

  /** Calls what only reads: by the key, or the admin key where that is needed and there is one. */
  async read<Name extends MethodName>(method: Name, params: ParamsInput<Name>): Promise<Results[Name]> {
    const admin = this.#adminClient()
    try {
      return await (admin ?? this.client).call(method, params)
    } catch (error) {
      if (!admin) this.note(error)
      throw error
    }
  }

  /** Calls what changes the server; asks for an admin key where one is needed, until there is a good one. */
  async change<Name extends MethodName>(method: Name, params: ParamsInput<Name>): Promise<Results[Name]> {
    for (;;) {
      const admin = this.#adminClient()
      try {
        return await (admin ?? this.client).call(method, params)
      } catch (error) {
        if (!isCode(error, 'forbidden', 'unauthorized')) throw error
        const key = await askForKey('admin', admin ? explanation(error) : undefined)
        if (key === undefined) throw error
        this.#use('admin', key)
      }
    }
  }

  #use(name: KeyName, key: string | undefined): void {
    storeKey(name, key)
    if (name === 'key') return
    this.#admin?.close()
    this.#admin = undefined
  }

  #adminClient(): Client | undefined {
    if (storedKey('admin') !== undefined) this.#admin ??= this.#open('admin')
    return this.#admin
  }

  #open(name: KeyName): Client {
    const key = storedKey(name)
    const client: Client = new Client(this.#url, {
      ...(key !== undefined && { key }),
      agent: `aurochs-page/${name}`,
      onDisconnect: (reason, wait) => {
        if (name === 'admin') return
        this.#listeners.onStatus(`no connection (${reason}); trying again in ${Math.ceil(wait / 1000)} s`, false)
        // Answered on the next connection.
        client.call('info', {}).then(
          info => this.#renew(info),
          error => this.note(error),
        )
      },
      onGeneration: generation => {
        if (name === 'key' && this.#info?.generation !== generation)
          client.call('info', {}).then(
            info => this.#renew(info),
            () => {},
          )
      },
    })
    return client
  }

  /** The server was started anew, or another model is served. */
  #renew(info: ServiceInfo): void {
    const isOther = abilities(this.#info) !== abilities(info)
    this.#info = info
    this.#listeners.onStatus('connected', true)
    if (isOther) this.#listeners.onReady()
  }
}

/** What the page shows or leaves out by. */
function abilities(info: ServiceInfo | undefined): string {
  return JSON.stringify([info?.version, info?.features, info?.methods, info?.limits, info?.model.capabilities])
}

/** A key of one user may leave the user out. */
async function boundUser(client: Client): Promise<string | undefined> {
  try {
    const params = { limit: 1 } as unknown as ParamsInput<'recommend'>
    return (await client.call('recommend', params)).user
  } catch (error) {
    if (error instanceof ServerError && error.code !== 'unauthorized') return undefined
    throw error
  }
}
