# syntax=docker/dockerfile:1
ARG VERSION=2
FROM base:$VERSION AS build
ARG VERSION
ARG DEBUG=no EXTRA
ENV A=$VERSION B="x y" C=$A
RUN make $A
RUN ["make", "install"]
RUN --mount=type=cache,target=/cache,sharing=locked --mount=type=secret,id=token,required \
    --mount=type=bind,from=other,source=/x,target=y --mount=type=tmpfs,target=/t,size=1m --mount=type=ssh \
    --network=none \
    make all
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN make | tee log
FROM scratch AS unused
COPY nothing /
FROM scratch
COPY --from=build --chown=1:2 --chmod=u+x,go= /out/* /bin/
COPY --from=0 /a /b
WORKDIR /w
WORKDIR sub
COPY --exclude=*.md . ./
ENTRYPOINT ["/bin/app"]
CMD run --fast
LABEL a=b "c d"=e
EXPOSE 80 90-91/UDP
VOLUME /data /more
USER 1000:1000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD ["check"]
ONBUILD RUN echo $x
MAINTAINER me
