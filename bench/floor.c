/* The floor: the least that one thread can do to send one event to many readers.
 *
 *   floor PORT     accepts on 127.0.0.1, answers every request with the head of
 *                  an event stream; each frame on stdin (a line with its size in
 *                  bytes, then itself) goes to every reader with one send().
 *
 * It looks at no request and replays nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20 };

static const char HEAD[] = "HTTP/1.1 200 OK\r\n"
                           "Content-Type: text/event-stream; charset=utf-8\r\n"
                           "Cache-Control: no-store\r\nConnection: close\r\n\r\n";

static int poller, listener;
static int readers[MOST], count, place_of[MOST];

static void watch(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(void)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        place_of[fd] = -1;
        watch(fd, EPOLLIN);
    }
}

static void drop(int fd)
{
    if (place_of[fd] >= 0) {
        int last = readers[--count];
        readers[place_of[fd]] = last;
        place_of[last] = place_of[fd];
    }
    close(fd);
}

static void hear(int fd)
{
    char request[4096];
    if (recv(fd, request, sizeof request, 0) <= 0) {
        drop(fd);
    } else if (place_of[fd] < 0 && send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) > 0) {
        place_of[fd] = count;
        readers[count++] = fd;
    }
}

/* Send the rest to one that took less: never needed while readers keep up. */
static void insist(int fd, const char *rest, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, rest, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent < 0) {
            struct pollfd until = {.fd = fd, .events = POLLOUT};
            poll(&until, 1, 1000);
            continue;
        }
        rest += sent;
        size -= sent;
    }
}

static void broadcast(const char *frame, size_t size)
{
    for (int i = 0; i < count; i++) {
        ssize_t sent = send(readers[i], frame, size, MSG_NOSIGNAL);
        if (sent != (ssize_t)size)
            insist(readers[i], frame + (sent > 0 ? sent : 0), size - (sent > 0 ? sent : 0));
    }
}

static bool take_frame(void)
{
    static char frame[1 << 20];
    size_t size;
    if (scanf("%zu", &size) != 1 || size > sizeof frame || getchar() != '\n')
        return false;
    if (fread(frame, 1, size, stdin) != size)
        return false;
    broadcast(frame, size);
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    struct epoll_event events[1024];
    int one = 1;
    here.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) {
        perror("floor");
        return 1;
    }
    poller = epoll_create1(0);
    watch(listener, EPOLLIN);
    watch(0, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all();
            else if (fd != 0)
                hear(fd);
            else if (!take_frame())
                return 0;
        }
    }
}
