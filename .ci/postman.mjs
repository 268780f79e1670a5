// The node's description in Postman: its own converter makes a collection of it, and newman sends what is in there.
import newman from 'newman'
import converter from 'openapi-to-postmanv2'

const [url, signed] = process.argv.slice(2)
const ask = async path => (await fetch(url + path)).json()
const fail = why => { console.error(`postman: ${why}`); process.exit(1) }
const said = []
for (const kind of ['warn', 'error']) {
  const say = console[kind]
  console[kind] = (...words) => { said.push(words.join(' ')); say(...words) }
}

const text = await (await fetch(`${url}/openapi.json`)).text()
const description = JSON.parse(text)
const described = new Map(Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation])))

const checked = converter.validate({ type: 'string', data: text })
if (!checked.result) fail(checked.reason)
const options = { enableOptionalParameters: false, includeDeprecated: true }
const converted = await new Promise((resolve, reject) => converter.convertV2({ type: 'string', data: text }, options,
  (error, result) => error ? reject(error) : resolve(result)))
if (!converted.result) fail(converted.reason)
const collection = converted.output[0].data
// what the converter cannot make an example of, it writes into the collection
const faults = [...JSON.stringify(collection).match(/<Error:[^"]*/g) ?? [], ...converted.warnings ?? [], ...said]
if (faults.length > 0) fail(`the converter says: ${faults.join('; ')}`)

const requests = []
const gather = item => item.item ? item.item.forEach(gather) : requests.push(item)
gather(collection)
const named = ({ request }) =>
  `${request.method} /${request.url.path.map(part => part.replace(/^:(.*)/, '{$1}')).join('/')}`
const missing = [...described.keys()].filter(name => !requests.some(item => named(item) === name))
const strange = requests.map(named).filter(name => !described.has(name))
if (missing.length > 0 || strange.length > 0) fail(`not in the collection: ${missing}; not described: ${strange}`)

// what somebody would copy from one answer into the next request
const { share_id: share, sender } = (await ask('/v1/shares?limit=1')).items[0]
const { id: tx } = (await ask('/v1/transactions?limit=1')).items[0]
const { size } = await ask('/v1/checkpoint')
const values = {
  '/tile/{tile}': { tile: `0/000.p/${size}` },
  '/v1/blocks/{height}': { height: 1 },
  '/v1/blocks/{height}/checkpoint': { height: 1 },
  '/v1/consistency': { from: 1, to: size },
  '/v1/inclusion': { index: 0, size },
  '/v1/members/{address}': { address: sender },
  '/v1/shares/{id}': { id: share },
  '/v1/shares/{id}/events': { id: share },
  '/v1/shares/{id}/proof': { id: share },
  '/v1/transactions/{id}': { id: tx }
}
const unending = 'GET /v1/events'
const sent = requests.filter(item => named(item) !== unending)
for (const item of sent) {
  const fields = values[named(item).split(' ')[1]] ?? {}
  const { variable, query } = item.request.url
  for (const one of [...variable, ...query.filter(one => !one.disabled)]) {
    if (fields[one.key] === undefined) fail(`nothing to fill in for ${one.key} of ${named(item)}`)
    one.value = String(fields[one.key])
  }
}
// what a member would post, which the example signs
const submission = 'POST /v1/transactions'
const { request: submit } = sent.find(item => named(item) === submission)
submit.body = { mode: 'raw', raw: JSON.stringify({ transaction: signed }) }
submit.header = ['Content-Type', 'Accept'].map(key => ({ key, value: 'application/json' }))
const operations = new Map(sent.map(item => [item.id, named(item)]))

let answered = 0
const wrong = []
newman.run({
  collection: { ...collection, item: sent },
  envVar: [{ key: 'baseUrl', value: url }],
  timeoutRequest: 10000
}).on('request', (error, { item, response }) => {
  const name = operations.get(item.id)
  if (error) return wrong.push(`${name}: ${error.message}`)
  const { responses } = described.get(name)
  const code = String(response.code)
  const documented = responses[code] ?? responses[`${code[0]}XX`]
  const kind = (response.headers.get('content-type') ?? '').split(';')[0]
  const kinds = Object.keys(documented?.content ?? {}).map(kind => kind.split(';')[0])
  // what a GET asks for is there; what else is posted is made up, and refused
  const expected = name.startsWith('GET') ? code === '200' : name === submission ? code === '201' : code.startsWith('4')
  if (!documented || !expected || (kinds.length > 0 && !kinds.includes(kind))) {
    wrong.push(`${name}: ${code} ${kind}, described: ${Object.keys(responses)} ${kinds}`)
  }
  answered++
}).on('done', (error, summary) => {
  if (error || summary.run.failures.length > 0) {
    fail(error ?? summary.run.failures.map(failure => failure.error.message).join('; '))
  }
  if (wrong.length > 0) fail(wrong.join('\n'))
  if (answered !== described.size - 1) fail(`${answered} answers to ${described.size - 1} requests`)
  console.log(`postman: ${requests.length} requests converted, all that are described; newman sent ${answered}, ` +
    `each was answered as described, a signed transaction with 201 (${unending} has no end)`)
})
