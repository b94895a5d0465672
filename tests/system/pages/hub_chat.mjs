// The user and the chat dialect in a page.
export default async ({page, url, args}) => {
  await page.goto(`${url}/docs`);
  return page.evaluate(async ({base, text}) => {
    const talk = (path, first, isLast) => new Promise((resolve, reject) => {
      const socket = new WebSocket(base + path);
      const messages = [];
      socket.onerror = reject;
      socket.onmessage = ({data}) => {
        messages.push(JSON.parse(data));
        if (messages.length === 1) socket.send(JSON.stringify(first));
        if (isLast(messages.at(-1))) {
          socket.close();
          resolve(messages);
        }
      };
    });
    const user = await talk('/ws/notifications/user_123', {type: 'ping'}, (message) => message.type === 'pong');
    const chat = await talk('/ws/assistant/app/1/user_123', {type: 'chat_message', data: {content: text}},
      (message) => message.type === 'chat_message');
    return {user, chat};
  }, {base: url.replace('http', 'ws'), text: args.text});
};
