import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { freshFolder } from '../storage/folder.ts'
import { day, hour, noon, openLedger, reserved } from './ledger-of.ts'
import { makeOldLedger } from './old-ledgers.ts'

function openLive(folder: string): LiveLedger {
  const ledger = LiveLedger.open(folder)
  onTestFinished(() => ledger.close())
  return ledger
}

const rows = `
  INSERT INTO users (number, id, sender, address, zone) VALUES (1, 'ann', 'webhook', 'to-ann', 'UTC'), (2, 'bob', 'webhook', 'to-bob', 'UTC'),
    (3, 'cid', 'webhook', 'to-cid', 'UTC');
  INSERT INTO campaigns (number, id, titles, url, starts, ends, budget, target)
    VALUES (1, 'news', '["First","Second"]', 'https://example.org/a', ${noon}, ${noon + 4 * hour}, 1000, 2.4);
  INSERT INTO hold_outs VALUES (1, 3);
`

test('a ledger of version 1 is brought to the present one', () => {
  const folder = freshFolder()
  makeOldLedger(folder, 1, rows)
  const ledger = openLedger(folder)
  expect(reserved(ledger, 'news', ['ann'])).toHaveLength(1)
  expect(ledger.sendsOf('news')).toMatchObject([{ user: 'ann', round: undefined }])
  expect(ledger.why('cid', 'news', noon).reasons).toEqual([{ code: 'held-out' }])
})

test('a ledger of version 2 keeps its sends, hold-outs and tests, and has no more clicks than pushes', () => {
  const folder = freshFolder()
  const send = (number: number, user: number, state: string, clicked: string) =>
    `(${number}, 7, 1, ${user}, 0, 'webhook', '${state}', ${noon}, ${noon}, ${noon}, ${noon}, 1, ${clicked})`
  makeOldLedger(
    folder,
    2,
    `${rows}
    UPDATE campaigns SET counted = 1;
    -- Of Bob a click on a push that failed was counted, and the push not. The clock of who told of Cid's visit was wrong.
    UPDATE users SET pushes = 1 WHERE number = 1; UPDATE users SET clicks = 1 WHERE number = 2;
    UPDATE users SET last_visit = 8000000000000 WHERE number = 3;
    INSERT INTO sends (number, nonce, campaign, user, title, sender, state, reserved, due, handed, ended, attempts, clicked)
      VALUES ${send(1, 1, 'delivered', 'NULL')}, ${send(2, 2, 'failed', `${noon + hour}`)};
    INSERT INTO test_sends (number, nonce, campaign, user, title, sender, state, reserved, due, attempts)
      VALUES (${2 ** 47 + 1}, 3, 1, 1, 1, 'webhook', 'reserved', ${noon}, ${noon}, 0);
    `,
  )
  const ledger = openLive(folder)
  const states = ledger.userStates(-1, 10)
  expect([[...states.pushes], [...states.clicks]]).toEqual([
    [1, 0, 0],
    [0, 0, 0],
  ])
  expect(states.lastVisit[2]).toBeLessThan(8e12)
  expect(ledger.countsOf('news')).toMatchObject({ delivered: 1, failed: 1, heldOut: 1, tests: 1 })
  expect(ledger.holdOutsSince(noon)).toEqual([{ user: 2, article: 'news', rank: undefined, held: noon }])
  expect(ledger.hand('webhook', 10, noon)).toMatchObject([
    { user: 'ann', campaign: 'news', title: '[test] Second', url: 'https://example.org/a', isTest: true },
  ])
  // A late click on what was counted counts.
  const [ann] = ledger.sendsOf('news')
  ledger.recordClick(ann!.id, noon + day, noon + day)
  expect([...ledger.userStates(-1, 10).clicks]).toEqual([1, 0, 0])
})

test('a ledger that is brought to the present version has the tables of a new one', () => {
  const [old, fresh] = [freshFolder(), freshFolder()]
  makeOldLedger(old, 1, rows)
  for (const folder of [old, fresh]) openLedger(folder)
  const tablesOf = (folder: string) => {
    const database = new DatabaseSync(join(folder, 'push.db'), { readOnly: true })
    const found = database.prepare('SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name').all()
    const columns = (found as { type: string; name: string }[])
      .filter(({ type }) => type === 'table')
      .map(({ name }) =>
        database.prepare('SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)').all(name),
      )
    database.close()
    return { found, columns }
  }
  expect(tablesOf(old)).toEqual(tablesOf(fresh))
})
