/* A vendor's library with the calls of GA/T 947, over a camera that is the directory GAT947_CAMERA: `node` is there as
   long as the camera stands on the bus as what it is while it is locked; `calls` gets a line for each call, with the
   password that came with it; `clock` is what its clock was set to; `told` is there once it was told to come back. A
   file `nonsense` has it say of itself what is no text, one `leaves` leave before it answers that it comes back.

   A library of its own is a file that defines what it does otherwise, and includes this one. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef RESULT
#define RESULT int /* what iRet points to */
#endif
#ifndef RETURN
#define RETURN(is_done) return (is_done)
#endif
#ifndef END /* of each field */
#define END 0
#endif
#ifndef SERIAL
#define SERIAL "A123456"
#endif
#ifndef OFFICER
#define OFFICER "004711"
#endif
#ifndef NAME
#define NAME "Jean Dupont"
#endif
#ifndef MODEL
#define MODEL "DSJX9"
#endif
#ifndef BATTERY
#define BATTERY 80
#endif
#ifndef WRONG_PASSWORD
#define WRONG_PASSWORD 4
#endif
#ifndef TIME_SET
#define TIME_SET 5
#endif
#ifndef STORAGE
#define STORAGE 7
#endif
#ifndef ON_INIT
#define ON_INIT
#endif
#ifndef ON_INFO
#define ON_INFO
#endif
#ifndef ON_STORAGE
#define ON_STORAGE
#endif
#ifndef ON_END
#define ON_END
#endif

typedef struct {
    char cSerial[7 + END];
    char userNo[6 + END];
    char userName[32 + END];
    char unitNo[12 + END];
    char unitName[32 + END];
} ZFY_INFO;

static FILE *opened(const char *name, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("GAT947_CAMERA"), name);
    return fopen(path, mode);
}

static void leave(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/node", getenv("GAT947_CAMERA"));
    unlink(path);
}

static int is_there(const char *name)
{
    FILE *file = opened(name, "r");
    if (file)
        fclose(file);
    return file != NULL;
}

static void called(const char *name, const char *said)
{
    FILE *calls = opened("calls", "a");
    fprintf(calls, "%s %s\n", name, said);
    fclose(calls);
}

static int is_wrong(const char *name, const char *password, RESULT *result)
{
    called(name, password);
    if (!strncmp(password, "123456", 16))
        return 0;
    *result = WRONG_PASSWORD;
    return 1;
}

int Init_Device(char *code, RESULT *result)
{
    FILE *node = opened("node", "r");
    called("Init_Device", code);
    ON_INIT;
    *result = node ? 1 : 2;
    if (!node)
        RETURN(0);
    fclose(node);
    RETURN(1);
}

int GetIDCode(char *code, RESULT *result)
{
    called("GetIDCode", "");
    memcpy(code, MODEL, strlen(MODEL));
    *result = 1;
    RETURN(1);
}

int GetZFYInfo(ZFY_INFO *info, char *password, RESULT *result)
{
    if (is_wrong("GetZFYInfo", password, result))
        RETURN(0);
    if (!is_there("node")) {
        *result = 2;
        RETURN(0);
    }
    strncpy(info->cSerial, SERIAL, sizeof info->cSerial);
    strncpy(info->userNo, OFFICER, sizeof info->userNo);
    strncpy(info->userName, NAME, sizeof info->userName);
    strncpy(info->unitNo, "75056", sizeof info->unitNo);
    strncpy(info->unitName, "Police municipale", sizeof info->unitName);
    *result = 1;
    if (is_there("nonsense"))
        memset(info, 0xff, sizeof *info);
    ON_INFO;
    RETURN(1);
}

#ifndef WITHOUT_TIME
int SyncDevTime(char *password, RESULT *result)
{
    char text[32];
    time_t now = time(NULL);
    FILE *clock = opened("clock", "w");
    if (is_wrong("SyncDevTime", password, result))
        RETURN(0);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", localtime(&now));
    fputs(text, clock);
    fclose(clock);
    *result = TIME_SET;
    RETURN(1);
}
#endif

#ifndef WITHOUT_STORAGE
int SetMSDC(char *password, RESULT *result)
{
    if (is_wrong("SetMSDC", password, result))
        RETURN(0);
    ON_STORAGE;
    fclose(opened("told", "w"));
    if (is_there("leaves")) {
        leave();
        *result = 8;
        RETURN(0);
    }
    *result = STORAGE;
    RETURN(1);
}
#endif

#ifndef WITHOUT_BATTERY
int ReadDeviceBatteryDumpEnergy(int *battery, char *password, RESULT *result)
{
    if (is_wrong("ReadDeviceBatteryDumpEnergy", password, result))
        RETURN(0);
    *battery = BATTERY;
    *result = 1;
    RETURN(1);
}
#endif

#ifndef WITHOUT_END
void UnInit_Device(RESULT *result)
{
    called("UnInit_Device", "");
    ON_END;
    *result = 1;
}
#endif
