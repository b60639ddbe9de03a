// Joins the message builder @device-management-toolkit/wsman-messages to a pipe. Each line in is a question in
// JSON: {"list": true} for the names of all builders, or {"class", "message", "arguments"} for a message, which
// is built, sent by HTTPS with Basic credentials, and answered with what the server said.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import readline from 'node:readline'

const environment = process.env
const require = createRequire(path.join(environment.ESM_TEST_NODE, 'package.json'))
const { CIM } = require('@device-management-toolkit/wsman-messages')
const messages = new CIM.Messages()

const agent = new https.Agent({ keepAlive: true, ca: readFileSync(environment.ESM_CA) })
const authorization =
  'Basic ' + Buffer.from(`${environment.ESM_USER}:${environment.ESM_PASSWORD}`).toString('base64')

function send(body) {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        agent,
        host: environment.ESM_HOST,
        port: environment.ESM_PORT,
        path: '/wsman',
        method: 'POST',
        headers: {
          Authorization: authorization,
          'Content-Type': 'application/soap+xml;charset=utf-8',
          'Content-Length': Buffer.byteLength(body)
        }
      },
      (response) => {
        response.setEncoding('utf8')
        let text = ''
        response.on('data', (piece) => (text += piece))
        response.on('end', () => resolve({ status: response.statusCode, text }))
      }
    )
    request.on('error', reject)
    request.end(body)
  })
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const question = JSON.parse(line)
  let answer
  if (question.list) {
    const named = Object.entries(messages).filter(([, builder]) => builder.className !== undefined)
    answer = named.map(([name, builder]) => ({ name, class: builder.className }))
  } else {
    const body = messages[question.class][question.message](...(question.arguments ?? []))
    answer = { sent: body, ...(await send(body)) }
  }
  console.log(JSON.stringify(answer))
}
agent.destroy()
