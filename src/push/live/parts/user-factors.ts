import { OpenModel } from '../../../models/open/open-model.ts'
import { identityOf } from '../../../storage/directory.ts'
import type { PreferenceModel } from '../../prefer/preference-model.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { PushLog } from '../log.ts'

/** Ids that are asked for at once. */
const pageSize = 50_000

/** The vectors of users of the model that is served, as the preference takes them. */
export class ServedFactors {
  readonly #directory: string
  readonly #log: PushLog
  #identity = ''
  #users = 0

  constructor(directory: string, log: PushLog) {
    this.#directory = directory
    this.#log = log
  }

  /** Has the preference take the vectors, where the model or the number of users is another than before. */
  async follow(preference: PreferenceModel, ledger: PushLedgerThread): Promise<void> {
    const identity = identityOf(this.#directory)
    const { size } = preference.users
    if (identity === '' || (identity === this.#identity && size === this.#users)) return
    const model = OpenModel.open(this.#directory, { verify: false })
    try {
      if (!model.capabilities.includes('vectors')) {
        this.#log.warn({ model: this.#directory }, 'pushes: the model has no vectors of users, so pushes do without')
      } else {
        const { data, factors } = model.vectors('users')
        const rows = new Int32Array(size).fill(-1)
        for (let first = 0; first < size; first += pageSize) {
          const page = Array.from({ length: Math.min(pageSize, size - first) }, (_, at) => first + at)
          const ids = await ledger.call('idsOf', page)
          const known = page.filter((_, at) => ids[at] !== undefined)
          const found = model.artifact.users.indicesOf(ids.filter(id => id !== undefined))
          known.forEach((user, at) => {
            rows[user] = found[at]!
          })
        }
        await preference.setFactors({ data, factors, rows })
        this.#log.info(
          { model: this.#directory, users: rows.filter(row => row >= 0).length },
          'pushes: vectors of users',
        )
      }
      this.#identity = identity
      this.#users = size
    } finally {
      model.close()
    }
  }
}
