/* Many readers of one event stream, in one thread: the load of the benchmarks.
 *
 * It does what stdin says, one command at a time, and answers each with a line;
 * readers.py, which speaks the other side, has the list. It knows just enough
 * of HTTP to see the end of the head, and sees an event's end by what it is
 * given: the digits of its id and then a blank line or, in a gzip
 * stream, the end of the next block.
 *
 * The trap: what it finds in a gzip stream is any block's end, so nothing but
 * the event may be under way when one is expected.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
    ROOM = 1 << 18,    /* bytes taken from one socket at a time */
    CARRY = 16,        /* bytes kept of what came before, longer than an id */
    BATCH = 64,        /* connects begun before looking at answers again */
    SOURCES = 16,      /* source addresses, from 127.0.0.2: ports do not get short */
    STALLED_ROOM = 4096,
};
enum state { CONNECTING, ASKED, OPEN };

struct request {
    char *text;
    size_t size;
};

struct reader {
    int fd, place;
    enum state state;
    const struct request *request;
    uint32_t looked, delivered; /* numbers of expectations */
    bool id_found;
    int carried;
    char carry[CARRY];
};

static int poller;
static bool command_waits;
static struct sockaddr_in server;
static struct request *requests;
static size_t request_count;
static bool is_gzip, waits_for_head = true;

static struct reader **readers;
static size_t reader_count, reader_room, pending, answered, failed, opened_ever;
static int stalled = -1;

static char expected_id[32];
static uint32_t expectation;
static size_t delivered;
static uint64_t received;
static int64_t *arrivals, *latencies;
static size_t arrival_room, latency_count, latency_room;
static char buffer[CARRY + ROOM];

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void *grown(void *array, size_t *room, size_t needed, size_t size)
{
    if (needed > *room) {
        *room = needed * 2;
        array = realloc(array, *room * size);
        if (!array)
            abort();
    }
    return array;
}

static void forget(struct reader *reader)
{
    if (reader->state != OPEN) {
        failed++;
        pending--;
    } else if (reader->delivered == expectation && expectation) {
        delivered--; /* what is counted is: of those here now */
    }
    close(reader->fd);
    readers[reader->place] = readers[--reader_count];
    readers[reader->place]->place = reader->place;
    free(reader);
}

static void watch(struct reader *reader, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = reader};
    epoll_ctl(poller, how, reader->fd, &event);
}

static void became_open(struct reader *reader)
{
    reader->state = OPEN;
    pending--;
    answered++;
}

static int begin_connect(int type)
{
    int fd = socket(AF_INET, SOCK_STREAM | type, 0), one = 1;
    if (fd < 0)
        return -1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000002 + opened_ever++ % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&source, sizeof source);
    return fd;
}

static bool add_reader(void)
{
    int fd = begin_connect(SOCK_NONBLOCK);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
        close(fd);
        return false;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    readers = grown(readers, &reader_room, reader_count + 1, sizeof *readers);
    reader->fd = fd;
    reader->request = &requests[opened_ever % request_count];
    reader->place = reader_count;
    readers[reader_count++] = reader;
    pending++;
    watch(reader, EPOLLOUT, EPOLL_CTL_ADD);
    return true;
}

static void ask(struct reader *reader)
{
    const struct request *request = reader->request;
    if (send(reader->fd, request->text, request->size, MSG_NOSIGNAL) != (ssize_t)request->size) {
        forget(reader);
        return;
    }
    reader->state = ASKED;
    watch(reader, EPOLLIN, EPOLL_CTL_MOD);
    if (!waits_for_head)
        became_open(reader);
}

static char *end_of_event(struct reader *reader, char *from, char *end)
{
    if (is_gzip) {
        char *flush = memmem(from, end - from, "\0\0\xff\xff", 4);
        return flush ? flush + 4 : NULL;
    }
    if (!reader->id_found) {
        char *id = memmem(from, end - from, expected_id, strlen(expected_id));
        if (!id)
            return NULL;
        reader->id_found = true;
        from = id;
    }
    while ((from = memchr(from, '\n', end - from)) && ++from < end)
        if (*from == '\n' || (*from == '\r' && from + 1 < end && from[1] == '\n'))
            return from;
    return NULL;
}

static void look(struct reader *reader, char *from, char *end)
{
    if (!expected_id[0] || reader->delivered == expectation)
        return;
    if (!end_of_event(reader, from, end))
        return;
    reader->delivered = expectation;
    arrivals = grown(arrivals, &arrival_room, delivered + 1, sizeof *arrivals);
    arrivals[delivered++] = now_ns();
}

static void receive(struct reader *reader)
{
    ssize_t size = recv(reader->fd, buffer + CARRY, ROOM, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        forget(reader);
        return;
    }
    received += size;
    if (reader->looked != expectation) {
        reader->looked = expectation;
        reader->id_found = false;
        if (reader->state == OPEN)
            reader->carried = 0;
    }
    char *from = buffer + CARRY - reader->carried, *end = buffer + CARRY + size;
    memcpy(from, reader->carry, reader->carried);
    if (reader->state == ASKED) {
        char *head_end = memmem(from, end - from, "\r\n\r\n", 4);
        bool fits = reader->carried || (size >= 12 && !memcmp(from, "HTTP/1.1 200", 12));
        if (!fits) {
            forget(reader);
            return;
        }
        if (head_end) {
            from = head_end + 4;
            became_open(reader);
        }
    }
    if (reader->state == OPEN)
        look(reader, from, end);
    reader->carried = end - from < CARRY ? end - from : CARRY;
    if (reader->id_found && reader->carried > 3)
        reader->carried = 3; /* of a blank line, not of the id again */
    memcpy(reader->carry, end - reader->carried, reader->carried);
}

/* Take what came within *timeout* ms; return how many sockets had something. */
static int step(int timeout)
{
    struct epoll_event events[1024];
    int count = epoll_wait(poller, events, 1024, timeout);
    for (int i = 0; i < count; i++) {
        struct reader *reader = events[i].data.ptr;
        if (!reader)
            command_waits = true;
        else if (reader->state == CONNECTING && events[i].events & (EPOLLERR | EPOLLHUP))
            forget(reader);
        else if (reader->state == CONNECTING)
            ask(reader);
        else
            receive(reader);
    }
    return count;
}

static void give_up_pending(void)
{
    for (size_t i = reader_count; i-- > 0;)
        if (readers[i]->state != OPEN)
            forget(readers[i]);
}

static void open_readers(size_t count, size_t at_once, int64_t timeout_ms)
{
    int64_t begun = now_ns(), deadline = begun + timeout_ms * 1000000;
    size_t started = 0;
    answered = failed = 0;
    while (answered + failed < count && now_ns() < deadline) {
        for (int i = 0; i < BATCH && started < count && pending < at_once; i++, started++)
            if (!add_reader())
                failed++;
        step(started < count && pending < at_once ? 0 : 10);
    }
    int64_t took = now_ns() - begun;
    give_up_pending();
    printf("opened %zu %zu %lld\n", answered, count - answered, (long long)took);
}

static void stall(void)
{
    int room = STALLED_ROOM;
    if (stalled >= 0)
        close(stalled);
    stalled = begin_connect(0);
    setsockopt(stalled, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    const struct request *request = &requests[request_count - 1];
    if (connect(stalled, (struct sockaddr *)&server, sizeof server) < 0 ||
        send(stalled, request->text, request->size, MSG_NOSIGNAL) < 0)
        printf("failed %s\n", strerror(errno));
    else
        printf("stalled\n");
}

static void wait_for_silence(int ms)
{
    int64_t quiet_since = now_ns();
    while (now_ns() - quiet_since < ms * 1000000LL) {
        command_waits = false;
        if (step(ms) > 0 && !command_waits)
            quiet_since = now_ns();
    }
    printf("idle %zu\n", reader_count);
}

static void wait_for_delivery(int64_t sent, int64_t timeout_ms)
{
    int64_t deadline = now_ns() + timeout_ms * 1000000;
    while (delivered < reader_count && now_ns() < deadline)
        step(10);
    latencies = grown(latencies, &latency_room, latency_count + delivered, sizeof *latencies);
    for (size_t i = 0; i < delivered; i++)
        latencies[latency_count++] = arrivals[i] - sent;
    expected_id[0] = 0;
    printf("got %zu %zu %llu\n", delivered, reader_count, (unsigned long long)received);
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void tell_latencies(void)
{
    size_t count = latency_count, last = count ? count - 1 : 0;
    int64_t none = 0, *all = count ? latencies : &none;
    qsort(all, count, sizeof *all, by_size);
    printf("latencies %zu %lld %lld %lld\n", count, (long long)all[last / 2],
           (long long)all[(size_t)(last * 0.99)], (long long)all[last]);
    latency_count = 0;
}

static void add_request(size_t size)
{
    requests = realloc(requests, (request_count + 1) * sizeof *requests);
    struct request *request = &requests[request_count++];
    request->size = size;
    request->text = malloc(size);
    if (fread(request->text, 1, size, stdin) != size)
        exit(1);
    printf("added %zu\n", request_count);
}

static void forget_requests(void)
{
    while (request_count)
        free(requests[--request_count].text);
    printf("forgotten\n");
}

static void close_all(void)
{
    size_t count = reader_count;
    expectation = 0;
    while (reader_count)
        forget(readers[reader_count - 1]);
    if (stalled >= 0)
        close(stalled);
    stalled = -1;
    printf("closed %zu\n", count);
}

static void obey(const char *line)
{
    static uint32_t expectations;
    char word[16] = "";
    long long a = 0, b = 0, c = 0;
    sscanf(line, "%15s %lld %lld %lld", word, &a, &b, &c);
    if (!strcmp(word, "server")) {
        server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a)};
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_gzip = b;
        waits_for_head = c;
        printf("known\n");
    } else if (!strcmp(word, "request")) {
        add_request(a);
    } else if (!strcmp(word, "forget")) {
        forget_requests();
    } else if (!strcmp(word, "open")) {
        open_readers(a, b, c);
    } else if (!strcmp(word, "stall")) {
        stall();
    } else if (!strcmp(word, "idle")) {
        wait_for_silence(a);
    } else if (!strcmp(word, "expect")) {
        snprintf(expected_id, sizeof expected_id, "%lld", a);
        expectation = ++expectations;
        delivered = received = 0;
        printf("ready\n");
    } else if (!strcmp(word, "sent")) {
        wait_for_delivery(a, b);
    } else if (!strcmp(word, "latencies")) {
        tell_latencies();
    } else if (!strcmp(word, "close")) {
        close_all();
    } else {
        printf("unknown %s\n", word);
    }
    fflush(stdout);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    struct epoll_event event = {.events = EPOLLIN};
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        command_waits = false;
        step(-1);
        if (!command_waits)
            continue;
        if (getline(&line, &room, stdin) < 0)
            return 0;
        obey(line);
    }
}
