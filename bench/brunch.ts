/**
 * The split of the brunch reads that the peers are measured by, as queries for `aurochs import --query` whose `source`
 * is reads.parquet, with the columns user, item, weight.
 *
 * Of users with 5 or more distinct items, a pair is held out when the first four hex digits of md5(user ':' item) are 0
 * modulo 10. A pair weighs 1 + ln(reads). Judged are the 20,000 users with a held-out pair whose md5(user) sorts first.
 */
const pairs = pairsOf('true')

/** A twentieth of the users, by md5(user): to try a bench on. */
const quickPairs = pairsOf(`substr(md5("user"::varchar), 1, 2) < '0d'`)

function pairsOf(users: string): string {
  return `
  with p as (select "user", item, count(*) as reads from source where ${users} group by all),
       u as (select "user" from p group by "user" having count(*) >= 5),
       pairs as (select p.*, ('0x' || substr(md5("user" || ':' || item), 1, 4))::int % 10 = 0 as held
                 from p join u using ("user"))`
}

const trainOf = (pairs: string) => `${pairs}
  select "user", item, 1 + ln(reads) as weight from pairs where not held`

const testOf = (pairs: string) => `${pairs},
       judged as (select distinct "user" from pairs where held)
  select "user", item, 1 + ln(reads) as weight from pairs
  where held and "user" in (select "user" from judged order by md5("user"::varchar) limit 20000)`

export const brunchTrain = trainOf(pairs)
export const brunchTest = testOf(pairs)
export const quickTrain = trainOf(quickPairs)
export const quickTest = testOf(quickPairs)
