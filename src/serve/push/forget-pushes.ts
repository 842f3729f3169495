import type { PushEngine } from '../../push/live/engine.ts'
import { PushLedgerThread } from '../../push/live/ledger/ledger-proxy.ts'
import { hasLedger } from '../../push/send/tables/schema.ts'

/** Removes what is known of a user for pushes, also where this server sends none and another process does, or did. */
export async function forgetPushes(
  state: string | undefined,
  user: string,
  engine: PushEngine | undefined,
): Promise<void> {
  if (engine) {
    await engine.forget(user)
    return
  }
  if (state === undefined || !hasLedger(state)) return
  const rules = { articles: { within: 1 }, events: { click: 'push_click' } }
  const ledger = await PushLedgerThread.open({ state, ledger: rules })
  try {
    await ledger.call('forget', user)
  } finally {
    await ledger.close()
  }
}
