import { OpenModel } from '../../../models/open/open-model.ts'
import { identityOf } from '../../../storage/directory.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { PushLog } from '../log.ts'

/** Ids that are asked for at once. */
const pageSize = 50_000
/** In ms: how often users who were added are looked up, at most. */
const lookUpInterval = 600_000

/** The vectors of users of the model that is served, as the preference takes them. */
export class ServedFactors {
  readonly #directory: string
  readonly #log: PushLog
  #identity = ''
  #users = 0
  #lookedUpAt = Number.NEGATIVE_INFINITY
  #following: Promise<void> | undefined

  constructor(directory: string, log: PushLog) {
    this.#directory = directory
    this.#log = log
  }

  /** Whether another model is served than the one that was followed, or users were added some while ago. */
  #isDue(users: number, now: number): boolean {
    const identity = identityOf(this.#directory)
    if (identity === '') return false
    return identity !== this.#identity || (users !== this.#users && now >= this.#lookedUpAt + lookUpInterval)
  }

  /** Has the preference take the vectors of another model, or those of users who were added; once at a time. */
  async follow(preference: PreferenceModel, ledger: PushLedgerThread, now: number): Promise<void> {
    if (this.#following) return this.#following
    if (!this.#isDue(preference.users.size, now)) return
    this.#following = this.#follow(preference, ledger, now).finally(() => {
      this.#following = undefined
    })
    return this.#following
  }

  async #follow(preference: PreferenceModel, ledger: PushLedgerThread, now: number): Promise<void> {
    const identity = identityOf(this.#directory)
    const isAnother = identity !== this.#identity
    const { size } = preference.users
    const model = OpenModel.open(this.#directory, { verify: false })
    try {
      if (!model.capabilities.includes('vectors')) {
        if (isAnother) {
          this.#log.warn({ model: this.#directory }, 'pushes: the model has no vectors of users, so pushes do without')
        }
      } else {
        const { data, factors } = model.vectors('users')
        const first = isAnother ? 0 : this.#users
        const rows = await rowsOf(model, ledger, { first, end: size })
        if (isAnother) await preference.setFactors({ data, factors, rows })
        else preference.addFactors({ data, first, rows })
        const users = rows.reduce((count, row) => count + Number(row >= 0), 0)
        if (users > 0 || isAnother) this.#log.info({ model: this.#directory, users }, 'pushes: vectors of users')
      }
      this.#identity = identity
      this.#users = size
      this.#lookedUpAt = now
    } finally {
      model.close()
    }
  }
}

/** The model's row of each user from `first` until `end`; -1: it has none. */
async function rowsOf(
  model: OpenModel,
  ledger: PushLedgerThread,
  { first, end }: { readonly first: number; readonly end: number },
): Promise<Int32Array> {
  const rows = new Int32Array(end - first).fill(-1)
  for (let begin = first; begin < end; begin += pageSize) {
    const page = Array.from({ length: Math.min(pageSize, end - begin) }, (_, at) => begin + at)
    const ids = await ledger.call('idsOf', page)
    const known = page.filter((_, at) => ids[at] !== undefined)
    const found = model.artifact.users.indicesOf(ids.filter(id => id !== undefined))
    known.forEach((user, at) => {
      rows[user - first] = found[at]!
    })
  }
  return rows
}
