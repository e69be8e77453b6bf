# docker build -t realtime3d .      docs/how-to/docker.md says how to run it
FROM python:3.13-slim AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel /source

FROM python:3.13-slim
# what the wheels of OpenCV and MediaPipe take from the system
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libegl1 libgles2 \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=from=wheel,source=/wheel,target=/wheel \
    pip install --no-cache-dir --only-binary :all: /wheel/*.whl
RUN useradd --create-home --uid 1000 --groups video user && mkdir /data && chown user /data
USER user
WORKDIR /data
# runs the nets once: the image is whole, and inner loops are compiled for whoever runs as this user
RUN realtime3d doctor --quiet
ENTRYPOINT ["realtime3d"]
CMD ["--help"]
